import { createImportThreads } from '../../../activities/imports/import-threads.ts';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { beforeAll } from 'vitest';
import { createDeleteBackedUpUsers } from '../../../activities/deletions/delete-backed-up-users.ts';
import type { ActivityDeps } from '../../../activities/deps.ts';
import { toFailure } from '../../../activities/failures.ts';
import { createFinishJob } from '../../../activities/jobs/finish-job.ts';
import { createSettlePass } from '../../../activities/deletions/settle-pass.ts';
import { createVerifyExport } from '../../../activities/exports/verify-export.ts';
import { createWriteExport } from '../../../activities/exports/write-export.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { claimJob, enterPhase } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { admitDeletion } from '../../../db/deletions/nearly-everyone.ts';
import type { ExportOptions } from '../../../db/schema.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import type { TestDatabase } from '../database/database.ts';
import { addWitness } from '../database/witness.ts';

const never = new AbortController().signal;

/** The activities of a deletion on a real database and folder, which a test calls in any order. */
export const createDeletionSteps = async (database: TestDatabase) => {
  const storageDir = await mkdtemp(join(tmpdir(), 'keepsake-files-'));
  const deps: ActivityDeps = {
    database: database.worker,
    lanes: database.worker.pool,
    storage: createDirectoryStorage(storageDir),
    importThreads: createImportThreads(),
    meter: { rows: () => {}, batch: (batch) => batch },
    crashPoint: () => {},
  };
  const writeExport = createWriteExport(deps);
  const verifyExport = createVerifyExport(deps);
  const deleteBackedUp = createDeleteBackedUpUsers(deps);
  const settlePass = createSettlePass(deps);
  const enter = (jobId: string, phase: string, pass?: number) =>
    enterPhase(deps.database.db, jobId, phase, pass);
  return {
    deps,
    storageDir,
    enter,
    backUp: async (jobId: string, pass = 1) => {
      await enter(jobId, 'backingUp', pass);
      const written = await writeExport({ jobId, pass }, never);
      await verifyExport({ exportId: written.exportId });
      return written;
    },
    write: (jobId: string, pass = 1) => writeExport({ jobId, pass }, never),
    verify: (exportId: string) => verifyExport({ exportId }),
    admit: (exportId: string) => admitDeletion(deps.database.db, exportId),
    remove: async (jobId: string, exportId: string) => {
      await enter(jobId, 'deleting');
      return deleteBackedUp({ jobId, exportId }, never);
    },
    settle: (jobId: string, pass: number, isLast = false) =>
      settlePass({ jobId, pass, isLast, deleted: 0 }),
    finish: createFinishJob(deps),
  };
};

export type DeletionSteps = Awaited<ReturnType<typeof createDeletionSteps>>;

/** The same for all tests of a file; available once its tests begin. */
export const useDeletionSteps = (database: () => TestDatabase): DeletionSteps => {
  const steps = {} as DeletionSteps;
  beforeAll(async () => {
    Object.assign(steps, await createDeletionSteps(database()));
  });
  return steps;
};

/** A new workspace with `count` users `u-1` …, and a witness of every deleted row. */
export const seedWorkspace = async (database: TestDatabase, id: string, count: number) => {
  const { db } = database.owner;
  await createWorkspace(db, { id, name: id });
  const { id: keyId } = await createApiKey(db, {
    role: 'admin',
    workspaceId: id,
    ownerName: 'Ada',
    ownerEmail: 'ada@example.com',
  });
  await sql`
    INSERT INTO users (workspace_id, user_id, first_name, email, country, tags, properties)
    SELECT ${id}, 'u-' || n, 'Zoë "Z" ' || n || E'\n', 'u' || n || '@example.com',
           CASE WHEN n % 2 = 0 THEN 'IN' ELSE 'DE' END, ARRAY['a,b', '🎈'],
           jsonb_build_object('n', n, 'big', 12345678901234567890123::numeric, 'text', E'a"b\n,c')
      FROM generate_series(1, ${count}::int) n`.execute(db);
  await addWitness(database.owner, id);
  return { workspaceId: id, keyId };
};

export type SeededWorkspace = Awaited<ReturnType<typeof seedWorkspace>>;

/** A running deletion of chosen ids, or of the users of a filter, confirmed by a preview. */
export const startDeletion = async (
  { app }: TestDatabase,
  workspace: SeededWorkspace,
  what: { ids: string[] } | { filter: unknown; confirmed: number; users?: number },
) => {
  const jobId = uuidv7();
  const previewId = uuidv7();
  const selection =
    'ids' in what
      ? { type: 'ids', count: what.ids.length }
      : { type: 'filter', filter: what.filter, excludeIds: [] };
  if ('filter' in what) {
    await sql`
      INSERT INTO previews
        (id, workspace_id, actor_key_id, selection, count, held, users, snapshot, expires_at)
      VALUES (${previewId}, ${workspace.workspaceId}, ${workspace.keyId}, ${JSON.stringify(selection)},
              ${what.confirmed}, 0, ${what.users ?? null}, pg_current_snapshot(),
              now() + interval '15 minutes')`.execute(app.db);
  }
  await insertJob(app.db, {
    id: jobId,
    workspaceId: workspace.workspaceId,
    type: 'deletion',
    selection,
    options: {},
    actorKeyId: workspace.keyId,
    ...('ids' in what ? { targetIds: what.ids } : { previewId }),
  });
  await claimJob(app.db, jobId, 'test-run');
  return jobId;
};

/** A running export of all users to a file. */
export const startExport = async (
  { app }: TestDatabase,
  workspace: SeededWorkspace,
  options: Partial<ExportOptions> = {},
) => {
  const jobId = uuidv7();
  await insertJob(app.db, {
    id: jobId,
    workspaceId: workspace.workspaceId,
    type: 'export',
    selection: { type: 'all' },
    options: {
      format: 'csv',
      compression: 'gzip',
      columns: ['userId'],
      spreadsheetSafe: false,
      notify: false,
      ...options,
    } satisfies ExportOptions,
    actorKeyId: workspace.keyId,
  });
  await claimJob(app.db, jobId, 'test-run');
  return jobId;
};

/** Type and message of a step's error, as Temporal gets them; undefined without an error. */
export const failureOf = (step: Promise<unknown>) =>
  step.then(
    () => undefined,
    (error: unknown) => toFailure(error) as Error & { type: string },
  );

export const inIndia = { field: 'country', op: 'is', value: 'IN' };

export const countOf = async ({ owner }: TestDatabase, workspaceId: string): Promise<number> => {
  const { rows } = await sql<{ n: number }>`
    SELECT count(*) AS n FROM users WHERE workspace_id = ${workspaceId}`.execute(owner.db);
  return rows[0]?.n ?? -1;
};

/** Outcomes of a job's users that were not deleted, by id. */
export const outcomesOf = async ({ owner }: TestDatabase, jobId: string) => {
  const { rows } = await sql<{ user_id: string; outcome: string }>`
    SELECT user_id, outcome FROM outcomes WHERE job_id = ${jobId} ORDER BY user_id`.execute(
    owner.db,
  );
  return Object.fromEntries(rows.map((row) => [row.user_id, row.outcome]));
};

/** The same with reasons. */
export const reasonsOf = async ({ owner }: TestDatabase, jobId: string) => {
  const { rows } = await sql<{ user_id: string; text: string }>`
    SELECT user_id, concat_ws(' ', outcome, reason) AS text FROM outcomes
     WHERE job_id = ${jobId} ORDER BY user_id`.execute(owner.db);
  return Object.fromEntries(rows.map((row) => [row.user_id, row.text]));
};
