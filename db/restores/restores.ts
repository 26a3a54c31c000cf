import { sql, type RawBuilder } from 'kysely';
import { escapeLiteral, type PoolClient } from 'pg';
import type { Db } from '../client.ts';
import { listParts, type StoredPart } from '../exports/exports.ts';
import { countOutcomes } from '../jobs/outcomes.ts';
import { visibleText } from '../../selection/characters.ts';
import { REPORT_SIZE } from '../deletions/preview-report.ts';
import type { RestoreCounts } from '../../workflows/contracts/jobs.ts';
import { partitionOf } from '../workspaces.ts';

/** The users that a restore is limited to: a query of their distinct ids, and their number. */
export interface Named {
  ids: RawBuilder<unknown>;
  count: number;
}

export interface Restorable {
  restorable: number;
  present: number;
  notFound: number;
  /** Set for a restore that names users. */
  notFoundSample?: string[];
}

/** A part with users to restore. */
export interface PartToRestore extends StoredPart {
  /** Whether all rows of the part are to be restored. */
  isWhole: boolean;
}

/** A part that a job restores. */
export interface Chunk {
  jobId: string;
  isChosen: boolean;
  part: PartToRestore;
}

/**
 * Number of users that a restore would bring back, and of users that exist now and would not be
 * changed. Reads the primary key, or the whole partition if nearly all users are restored.
 */
export const countRestorable = async (
  db: Db,
  backup: { id: string; workspace_id: string },
  named?: Named,
): Promise<Restorable> => {
  const deleted = deletedIds(backup.id);
  const { rows } = await sql<{ deleted: number; present: number }>`
    SELECT count(*) AS deleted, count(users.user_id) AS present
      FROM (${named === undefined ? deleted : sql`${deleted} INTERSECT ${named.ids}`}) AS gone
      LEFT JOIN ONLY ${sql.id('public', partitionOf(backup.workspace_id))} AS users
        ON users.workspace_id = ${backup.workspace_id} AND users.user_id = gone.user_id COLLATE "C"`.execute(
    db,
  );
  const { deleted: found = 0, present = 0 } = rows[0] ?? {};
  const counts = { restorable: found - present, present };
  if (named === undefined) return { ...counts, notFound: 0 };
  const notFound = named.count - found;
  const notFoundSample = notFound === 0 ? [] : await listNotDeleted(db, backup.id, named);
  return { ...counts, notFound, notFoundSample };
};

/**
 * Parts with users that a job is to restore, without parts that it has restored before. For chosen
 * users, the ids are the job's targets.
 */
export const listPartsToRestore = async (
  db: Db,
  job: { id: string; isChosen: boolean },
  backup: Parameters<typeof listParts>[1],
): Promise<PartToRestore[]> => {
  const { rows } = await sql<{ part: number }>`
    SELECT DISTINCT part FROM deletion_batches d
     WHERE export_id = ${backup.id}::uuid AND attempt = ${backup.attempt}::int
       AND NOT EXISTS (SELECT FROM restore_chunks c WHERE c.job_id = ${job.id} AND c.part = d.part)
       AND (NOT ${job.isChosen}::boolean OR EXISTS (
         SELECT FROM unnest(deleted_ids) AS gone (user_id)
           JOIN job_targets t ON t.job_id = ${job.id} AND t.pass = 1 AND t.user_id = gone.user_id))
  `.execute(db);
  const wanted = new Set(rows.map(({ part }) => part));
  const parts = await listParts(db, backup);
  return parts
    .filter(({ part }) => wanted.has(part))
    .map((part) => ({ ...part, isWhole: !job.isChosen && part.deleted === part.rows }));
};

/**
 * Ids of the part's users to restore: those that its committed batches deleted and that the job
 * selects. A query.
 */
export const wantedIds = ({ jobId, isChosen, part }: Chunk): string => {
  const deleted = `SELECT unnest(deleted_ids) AS user_id FROM deletion_batches
    WHERE export_id = ${escapeLiteral(part.exportId)} AND attempt = ${part.attempt} AND part = ${part.part}`;
  if (!isChosen) return deleted;
  return `${deleted} INTERSECT SELECT user_id FROM job_targets
    WHERE job_id = ${escapeLiteral(jobId)} AND pass = 1`;
};

/**
 * Claims a part for this transaction. Waits for a concurrent attempt. False if another attempt has
 * restored the part.
 */
export const claimChunk = async (
  client: PoolClient,
  { jobId, part }: Pick<Chunk, 'jobId' | 'part'>,
): Promise<boolean> => {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `${jobId}/${part.part}`,
  ]);
  const { rowCount } = await client.query(
    'SELECT FROM restore_chunks WHERE job_id = $1 AND part = $2',
    [jobId, part.part],
  );
  return rowCount === 0;
};

/** Stores the outcome `failed` of users that could not be restored, with the reasons. */
export const recordNotRestored = async (
  client: PoolClient,
  jobId: string,
  left: readonly { userId: string; reason: string }[],
): Promise<void> => {
  await client.query(
    `INSERT INTO outcomes (job_id, user_id, outcome, reason)
     SELECT $1, user_id, 'failed', CASE WHEN starts_with(reason, 'constraint ')
              THEN 'constraint ' || given_name(substr(reason, 12)) ELSE reason END
       FROM unnest($2::text[], $3::text[]) AS l (user_id, reason)`,
    [jobId, left.map(({ userId }) => userId), left.map(({ reason }) => reason)],
  );
};

/**
 * Whether job and backup still allow a chunk to commit. Cancel, purge and expiry update these rows
 * first, so they wait for the locks that this query takes.
 */
export const mayRestore = async (
  client: PoolClient,
  { jobId, part }: Pick<Chunk, 'jobId' | 'part'>,
): Promise<boolean> => {
  const { rowCount } = await client.query(
    `SELECT FROM jobs j, exports e
      WHERE j.id = $1 AND j.type = 'restore' AND j.state = 'running' AND j.phase = 'restoring'
        AND e.id = $2 AND e.attempt = $3 AND e.state IN ('verified', 'damaged')
        FOR SHARE`,
    [jobId, part.exportId, part.attempt],
  );
  return rowCount === 1;
};

/**
 * The counts of a restore. Email addresses that were not looked up count as `unprocessed`. For a
 * job whose users are erased, the counts stored at its end.
 */
export const countRestore = async (db: Db, jobId: string): Promise<RestoreCounts> => {
  const { total, restored, addresses, counts, erased_at } = await db
    .selectFrom('jobs')
    .select((eb) => [
      'total',
      'counts',
      'erased_at',
      eb
        .selectFrom('restore_chunks')
        .select(sql<number>`coalesce(sum(restored), 0)`.as('restored'))
        .where('job_id', '=', jobId)
        .as('restored'),
      eb
        .selectFrom('job_addresses')
        .select(eb.fn.countAll<number>().as('addresses'))
        .where('job_id', '=', jobId)
        .as('addresses'),
    ])
    .where('id', '=', jobId)
    .executeTakeFirstOrThrow();
  if (erased_at !== null && counts !== null) return counts as RestoreCounts;
  const outcomes = await countOutcomes(db, jobId);
  const { present = 0, notFound = 0, failed = 0, unprocessed = 0 } = outcomes;
  return {
    selected: total ?? 0,
    restored: restored ?? 0,
    present,
    notFound,
    failed,
    unprocessed: unprocessed + (addresses ?? 0),
  };
};

/**
 * Gives each user of a restore without an outcome one: chosen users that the backup's job did not
 * delete are `notFound`; if the restore was interrupted, all others are `unprocessed`.
 */
export const settleRestore = async (
  db: Db,
  job: { id: string; backupId: string; isChosen: boolean },
  isInterrupted: boolean,
): Promise<void> => {
  const targets = sql`SELECT user_id FROM job_targets WHERE job_id = ${job.id}::uuid AND pass = 1`;
  const deleted = deletedIds(job.backupId);
  const give = (outcome: string, users: RawBuilder<unknown>) =>
    sql`INSERT INTO outcomes (job_id, user_id, outcome)
      SELECT ${job.id}::uuid, user_id, ${outcome} FROM (${users}) AS left_over
      ON CONFLICT DO NOTHING`.execute(db);
  if (job.isChosen) await give('notFound', sql`${targets} EXCEPT ${deleted}`);
  if (!isInterrupted) return;
  await give(
    'unprocessed',
    sql`(${job.isChosen ? targets : deleted}) EXCEPT
      SELECT unnest(restored_ids) FROM restore_chunks WHERE job_id = ${job.id}::uuid`,
  );
};

/** Users that the backup's own job has deleted: a query of their ids. */
const deletedIds = (backupId: string): RawBuilder<unknown> =>
  sql`SELECT unnest(deleted_ids) AS user_id FROM deletion_batches
    WHERE export_id = ${backupId}::uuid`;

/** The first named users that were not deleted by a backup. */
const listNotDeleted = async (db: Db, backupId: string, { ids }: Named): Promise<string[]> => {
  const { rows } = await sql<{ id: string }>`
    SELECT user_id AS id FROM (${ids} EXCEPT ${deletedIds(backupId)}) AS others
     ORDER BY user_id LIMIT ${REPORT_SIZE}`.execute(db);
  return rows.map(({ id }) => visibleText(id));
};
