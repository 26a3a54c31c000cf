import type { PoolClient } from 'pg';
import { staged } from './restore-statements.ts';

/**
 * How the outcomes of a restore name mail addresses. Ids may look alike, and each outcome is of
 * one: an address that is the very id of a user who was found stands in angle brackets.
 */
const AS_OUTCOME = 'mailto:';

/**
 * Why a mail address brings nobody back: nobody who has it was deleted by the backup, or several
 * were.
 */
const REASONS = { none: 'notDeleted', several: 'ambiguous' } as const;

/** Pairs of an address and a user who had it; there until the look-up or the connection ends. */
export const beginLookUp = async (client: PoolClient): Promise<void> => {
  await client.query(`CREATE TEMP TABLE pg_temp.matched
    (address text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL)`);
};

/** Keeps who of the staged users has an address of a job. */
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
 * Locks a job whose addresses are looked up, until the transaction ends: its end, a cancel and
 * another look-up wait. False when it is not about that any more.
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
 * Makes the one user who has an address a target of the job, gives an address of nobody or of
 * several an outcome, and forgets all of them. Does nothing where another look-up has done so.
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
