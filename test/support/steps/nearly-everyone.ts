import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import type { TestDatabase } from '../database/database.ts';
import { type DeletionSteps, failureOf, type SeededWorkspace } from './deletion.ts';

/** Ids `u-<first>` to `u-<last>`. */
export const idsOf = (first: number, last: number, prefix = 'u-'): string[] =>
  Array.from({ length: last - first + 1 }, (_, n) => `${prefix}${first + n}`);

/** Adds users that arrived `ago`; by default now. */
export const addUsers = async (
  { owner }: TestDatabase,
  { workspaceId }: SeededWorkspace,
  ids: readonly string[],
  ago = '0',
): Promise<void> => {
  await sql`INSERT INTO users (workspace_id, user_id, created_at)
    SELECT ${workspaceId}, id, now() - ${ago}::interval FROM unnest(${ids}::text[]) AS id`.execute(
    owner.db,
  );
};

/** Moves all records of a workspace into the past, as if this much time had passed. */
export const letPass = async (
  { owner }: TestDatabase,
  { workspaceId }: SeededWorkspace,
  time: string,
): Promise<void> => {
  await owner.pool.query(`
    UPDATE users SET created_at = created_at - interval '${time}' WHERE workspace_id = '${workspaceId}';
    UPDATE jobs SET created_at = created_at - interval '${time}',
           started_at = started_at - interval '${time}', finished_at = finished_at - interval '${time}'
     WHERE workspace_id = '${workspaceId}';
    UPDATE export_parts SET oldest_deleted = oldest_deleted - interval '${time}' WHERE export_id IN
      (SELECT id FROM exports WHERE workspace_id = '${workspaceId}');
    UPDATE admitted_deletions SET admitted_at = admitted_at - interval '${time}'
     WHERE workspace_id = '${workspaceId}';
    UPDATE restore_chunks SET committed_at = committed_at - interval '${time}' WHERE job_id IN
      (SELECT id FROM jobs WHERE workspace_id = '${workspaceId}')`);
};

/** Writes an approved request, whose run is admitted without a count. @returns its id */
export const approveRequest = async (
  { owner }: TestDatabase,
  { workspaceId, keyId }: SeededWorkspace,
): Promise<string> => {
  const id = uuidv7();
  await sql`INSERT INTO delete_all_requests (id, workspace_id, requester_key_id, reason, users_then)
    VALUES (${id}, ${workspaceId}, ${keyId}, 'over', 0)`.execute(owner.db);
  await sql`UPDATE delete_all_requests SET state = 'open', opens_at = now(),
      closes_at = now() + window_length WHERE id = ${id}`.execute(owner.db);
  return id;
};

export interface ToDelete {
  ids: string[];
  parentId?: string;
  retryOf?: string;
}

/** A running deletion of chosen users. */
export const startOf = async (
  { app, owner }: TestDatabase,
  { workspaceId, keyId }: SeededWorkspace,
  { ids, parentId, retryOf }: ToDelete,
): Promise<string> => {
  const jobId = uuidv7();
  if (parentId !== undefined) {
    await owner.db.transaction().execute(async (trx) => {
      // As the function that applies the decision.
      await sql`SET LOCAL ROLE keepsake_gate`.execute(trx);
      await sql`INSERT INTO jobs (id, workspace_id, type, selection, actor_key_id, parent_id)
        VALUES (${jobId}, ${workspaceId}, 'deletion',
                jsonb_build_object('type', 'ids', 'count', ${ids.length}::int), ${keyId}, ${parentId})`.execute(
        trx,
      );
      await sql`INSERT INTO job_targets (job_id, pass, user_id)
        SELECT ${jobId}, 1, unnest(${ids}::text[])`.execute(trx);
      await sql`UPDATE delete_all_requests SET state = 'running', job_id = ${jobId}
        WHERE id = ${parentId}`.execute(trx);
    });
    await claimJob(app.db, jobId, 'test-run');
    return jobId;
  }
  await insertJob(app.db, {
    id: jobId,
    workspaceId,
    type: 'deletion',
    selection: { type: 'ids', count: ids.length },
    options: {},
    actorKeyId: keyId,
    targetIds: ids,
  });
  if (retryOf !== undefined) {
    await sql`UPDATE jobs SET retry_of = ${retryOf} WHERE id = ${jobId}`.execute(app.db);
  }
  await claimJob(app.db, jobId, 'test-run');
  return jobId;
};

/**
 * Deletes as a job does, to its end.
 *
 * @returns the number of deleted users or the error; the job and its backup
 */
export const deleteAll = async (
  database: TestDatabase,
  steps: DeletionSteps,
  workspace: SeededWorkspace,
  what: ToDelete,
) => {
  const jobId = await startOf(database, workspace, what);
  let exportId = '';
  let deleted = 0;
  const failure = await failureOf(
    (async () => {
      ({ exportId } = await steps.backUp(jobId));
      ({ deleted } = await steps.remove(jobId, exportId));
      await steps.settle(jobId, 1);
    })(),
  );
  await steps.finish({
    jobId,
    end:
      failure === undefined
        ? { kind: 'completed' }
        : { kind: 'failed', type: failure.type, message: failure.message },
  });
  return { jobId, exportId, outcome: failure?.type ?? deleted, message: failure?.message };
};
