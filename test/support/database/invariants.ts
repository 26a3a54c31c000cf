import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { Database } from '../../../db/client.ts';
import type { Compression } from '../../../db/schema.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { attemptPrefix, partKey } from '../../../files/part-key.ts';
import { deletedOutsideBackup } from './witness.ts';

/** A workspace with a witness, in which a deletion of some users was started. */
export interface Trial {
  owner: Database;
  storageDir: string;
  workspaceId: string;
  /** Number of users that the workspace has ever had. */
  users: number;
}

/** Most examples shown of each violation. */
const SHOWN = 5;
/**
 * The deletions of workspace `$1`, the users in their batches, and the users that the witness saw
 * deleted.
 */
const PRELUDE = `
  WITH own AS (SELECT * FROM jobs WHERE workspace_id = $1 AND type = 'deletion'),
  gone AS (
    SELECT e.job_id, e.verified_at, d.committed_at, unnest(d.deleted_ids) AS user_id
      FROM deletion_batches d JOIN exports e ON e.id = d.export_id WHERE e.workspace_id = $1),
  seen AS (SELECT user_id FROM witness WHERE workspace_id = $1 AND deleted_by <> current_user)`;

/** Each forbidden state, with the query that finds it. */
const VIOLATIONS: Record<string, string> = {
  'users deleted, and in no batch': 'SELECT * FROM seen EXCEPT ALL SELECT user_id FROM gone',
  'users in a batch, and not deleted': 'SELECT user_id FROM gone EXCEPT ALL SELECT * FROM seen',
  'users deleted before their backup was verified':
    'SELECT user_id FROM gone WHERE verified_at IS NULL OR committed_at < verified_at',
  'users counted twice by a job': `
    SELECT job_id, user_id FROM (
      SELECT job_id, user_id FROM gone
      UNION ALL SELECT o.job_id, o.user_id FROM outcomes o JOIN own ON own.id = o.job_id) AS counted
     GROUP BY job_id, user_id HAVING count(*) > 1`,
  'jobs that have not ended': 'SELECT id, state FROM own WHERE finished_at IS NULL',
  'jobs whose sums do not close': `
    SELECT id, counts FROM own WHERE (counts->>'selected')::bigint IS DISTINCT FROM
      (SELECT sum(value::bigint) FROM jsonb_each_text(counts) WHERE key <> 'selected')`,
  'jobs that count others than they deleted': `
    SELECT id, counts FROM own WHERE (counts->>'deleted')::bigint IS DISTINCT FROM
      (SELECT count(*) FROM gone WHERE job_id = own.id)`,
  // A failed job counts users that it cannot name as `unprocessed`, without an outcome for each.
  'jobs that count other outcomes than they recorded': `
    SELECT id, kind FROM own, unnest(ARRAY['changedSinceBackup', 'notFound', 'held', 'failed']) AS kind
     WHERE (counts->>kind)::bigint IS DISTINCT FROM
       (SELECT count(*) FROM outcomes WHERE job_id = own.id AND outcome = kind)`,
  'jobs without one beginning and one end in the activity log': `
    SELECT id FROM own WHERE (
        SELECT array_agg(kind ORDER BY kind) FROM activity
         WHERE job_id = own.id AND kind IN ('deletionStarted', 'deletionFinished'))
      IS DISTINCT FROM ARRAY['deletionFinished', 'deletionStarted']`,
};

/** Each violated invariant, with some examples. */
export const findViolations = async (trial: Trial): Promise<Record<string, unknown[]>> => {
  const { owner, storageDir, workspaceId } = trial;
  const found: Record<string, unknown[]> = {
    'users neither there nor seen to be deleted': await missing(trial),
    'users deleted in a version their backup does not hold': await deletedOutsideBackup(
      owner,
      storageDir,
      workspaceId,
    ),
    'exports with other files than their parts': await untidyExports(trial),
  };
  for (const [what, query] of Object.entries(VIOLATIONS)) {
    const statement = `${PRELUDE} ${query}`;
    found[what] = (await owner.pool.query<object>(statement, [workspaceId])).rows;
  }
  const broken = Object.entries(found).filter(([, rows]) => rows.length > 0);
  return Object.fromEntries(broken.map(([what, rows]) => [what, rows.slice(0, SHOWN)]));
};

/**
 * Checks a trial after all its jobs have ended, whatever was killed meanwhile. No user is
 * lost or counted twice. The backup holds every deleted user byte for byte. All sums close, and no
 * transaction is open.
 */
export const expectInvariants = async (trial: Trial): Promise<void> => {
  expect(await findViolations(trial)).toEqual({});
  await expect.poll(() => openTransactions(trial)).toEqual([]);
};

/**
 * Number of former users that neither exist nor were witnessed as deleted. Negative if there are
 * too many users.
 */
const missing = async ({ owner, workspaceId, users }: Trial): Promise<number[]> => {
  const { rows } = await owner.pool.query<{ n: number }>(
    `SELECT (SELECT count(*) FROM users WHERE workspace_id = $1) +
            (SELECT count(*) FROM witness WHERE workspace_id = $1) AS n`,
    [workspaceId],
  );
  const count = users - (rows[0]?.n ?? 0);
  return count === 0 ? [] : [count];
};

/**
 * Verified exports whose files differ from their parts. One file too many may be left by a crash.
 */
const untidyExports = async ({ owner, storageDir, workspaceId }: Trial): Promise<unknown[]> => {
  const storage = createDirectoryStorage(storageDir);
  const { rows } = await owner.pool.query<{
    exportId: string;
    attempt: number;
    compression: Compression;
    parts: number[];
  }>(
    `SELECT e.id AS "exportId", e.attempt, e.compression, array_agg(p.part ORDER BY p.part) AS parts
       FROM exports e JOIN export_parts p ON p.export_id = e.id AND p.attempt = e.attempt
      WHERE e.workspace_id = $1 AND e.state = 'verified' GROUP BY e.id`,
    [workspaceId],
  );
  const untidy = rows.map(async ({ parts, ...file }) => {
    const wanted = parts.map((part) => partKey({ ...file, part }));
    const found = await storage.list(attemptPrefix(file.exportId, file.attempt));
    return isDeepStrictEqual(wanted, found) ? [] : [{ wanted, found }];
  });
  return (await Promise.all(untidy)).flat();
};

const openTransactions = async ({ owner }: Trial): Promise<unknown[]> => {
  const { rows } = await owner.pool.query<object>(
    `SELECT application_name, state, query FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
        AND backend_type = 'client backend'`,
  );
  return rows;
};
