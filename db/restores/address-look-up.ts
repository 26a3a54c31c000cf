import type { PoolClient } from 'pg';
import { staged } from './restore-statements.ts';

/**
 * The prefix of email addresses in the outcomes of a restore, which are keyed by user id. If an
 * address with this prefix is itself the id of a found user, the address is written in angle
 * brackets.
 */
const AS_OUTCOME = 'mailto:';

/**
 * Why an email address restores no user: the backup deleted no user with that address, or several.
 */
const REASONS = { none: 'notDeleted', several: 'ambiguous' } as const;

/**
 * Makes a table of pairs of an address and a user who had it. It lives until the look-up or the
 * connection ends.
 */
export const beginLookUp = async (client: PoolClient): Promise<void> => {
  await client.query(`CREATE TEMP TABLE pg_temp.matched
    (address text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL)`);
};

/** Stores the staged users that have an address of the job. */
export const matchStaged = async (
  client: PoolClient,
  jobId: string,
  columns: { userId: number; email: number },
): Promise<void> => {
  await client.query(
    `INSERT INTO pg_temp.matched (address, user_id)
     SELECT a.address, s.${staged(columns.userId)} FROM pg_temp.restoring s
       JOIN job_addresses a ON a.job_id = $1
        AND a.address = lower(s.${staged(columns.email)}) COLLATE "C"`,
    [jobId],
  );
};

/**
 * Locks the job of a look-up until the transaction ends. The end of the job, a cancel and another
 * look-up wait. False if the job is not in that phase any more.
 */
export const mayEndLookUp = async (client: PoolClient, jobId: string): Promise<boolean> => {
  const { rowCount } = await client.query(
    `SELECT FROM jobs
      WHERE id = $1 AND type = 'restore' AND state = 'running' AND phase = 'verifyingBackup'
        FOR NO KEY UPDATE`,
    [jobId],
  );
  return rowCount === 1;
};

/**
 * Ends the look-up. An address of exactly one user makes that user a target of the job; any other
 * address gets an outcome. Then all addresses are deleted. Does nothing if another look-up has
 * ended before.
 */
export const endLookUp = async (client: PoolClient, jobId: string): Promise<void> => {
  await client.query(
    `WITH looked AS MATERIALIZED (
       SELECT a.address, min(m.user_id) AS user_id, count(m.user_id) AS users
         FROM job_addresses a LEFT JOIN pg_temp.matched m ON m.address = a.address
        WHERE a.job_id = $1 GROUP BY a.address),
     targets AS (
       INSERT INTO job_targets (job_id, pass, user_id)
       SELECT $1, 1, user_id FROM looked WHERE users = 1),
     gone AS (DELETE FROM job_addresses WHERE job_id = $1)
     INSERT INTO outcomes (job_id, user_id, outcome, reason)
     SELECT $1, $2 || CASE WHEN alike.user_id IS NULL THEN l.address ELSE '<' || l.address || '>' END,
            'notFound', CASE l.users WHEN 0 THEN $3 ELSE $4 END
       FROM looked l LEFT JOIN looked alike ON alike.users = 1 AND alike.user_id = $2 || l.address
      WHERE l.users <> 1`,
    [jobId, AS_OUTCOME, REASONS.none, REASONS.several],
  );
  await client.query('DROP TABLE pg_temp.matched');
};
