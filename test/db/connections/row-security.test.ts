import { uuidv7 } from 'uuidv7';
import { afterEach, expect, test } from 'vitest';
import { toFailure } from '../../../activities/failures.ts';
import { createRestoreBackedUpUsers } from '../../../activities/restores/restore-users.ts';
import { claimJob, enterPhase } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  inIndia,
  reasonsOf,
  seedWorkspace,
  startDeletion,
  startExport,
  useDeletionSteps,
  type SeededWorkspace,
} from '../../support/steps/deletion.ts';
import { createImportSteps } from '../../support/steps/import.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

/** Hosted PostgreSQL does this for whole schemas. Without a policy, only the owner sees rows. */
const hideRows = async (...tables: string[]) => {
  for (const table of tables) await asOwner(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);
};

const showRows = async () => {
  const { rows } = await asOwner('SELECT oid::regclass AS name FROM pg_class WHERE relrowsecurity');
  for (const { name } of rows) await asOwner(`ALTER TABLE ${name} DISABLE ROW LEVEL SECURITY`);
};

afterEach(showRows);

/** The failure that ends a job. */
const failureOf = (step: Promise<unknown>): Promise<Error | undefined> =>
  step.then(() => undefined, toFailure);

const ROW_SECURITY = {
  type: 'rowSecurity',
  nonRetryable: true,
  message: expect.stringMatching(
    /^Row-level security would hide rows .* give BYPASSRLS to keepsake_api, keepsake_worker, /,
  ) as string,
};

const startRestore = async ({ workspaceId, keyId }: SeededWorkspace, backupId: string) => {
  const { db } = database().app;
  const job = { type: 'restore', selection: { type: 'all' }, options: {} } as const;
  const id = uuidv7();
  await insertJob(db, { ...job, id, workspaceId, actorKeyId: keyId, backupId });
  await claimJob(db, id, 'test-run');
  await enterPhase(db, id, 'restoring');
  return id;
};

test('an export of hidden rows fails, and its error names the table', async () => {
  const workspace = await seedWorkspace(database(), 'export', 20);
  const jobId = await startExport(database(), workspace);
  await hideRows('users_export');
  const failure = await failureOf(steps.write(jobId));
  expect(failure).toMatchObject(ROW_SECURITY);
  expect(String(failure)).toContain('users_export');
});

/** How a job ended, and the outcomes of its users. */
const endOf = async (jobId: string, failure: Error | undefined) => {
  const { message = '' } = failure ?? {};
  const end = await steps.finish({ jobId, end: { kind: 'failed', type: 'rowSecurity', message } });
  return { ...end, outcomes: await reasonsOf(database(), jobId) };
};

test('if rows are hidden before or after its backup, a deletion deletes no user and reports none as missing', async () => {
  const workspace = await seedWorkspace(database(), 'deletion', 20);
  const what = { filter: inIndia, confirmed: 10 };
  const jobId = await startDeletion(database(), workspace, what);
  const { exportId } = await steps.backUp(jobId);
  await hideRows('users_deletion');
  const failure = await failureOf(steps.remove(jobId, exportId));
  expect(failure).toBeDefined();
  // The job does not end before its users can be looked up.
  await expect(endOf(jobId, failure)).rejects.toMatchObject({ code: '42501' });
  const other = await startDeletion(database(), workspace, what);
  expect(await failureOf(steps.backUp(other))).toMatchObject(ROW_SECURITY);
  expect(await countOf(database(), 'deletion')).toBe(20);
  await showRows();
  const { counts, outcomes } = await endOf(jobId, failure);
  expect(counts).toMatchObject({ selected: 10, deleted: 0, notFound: 0, unprocessed: 10 });
  expect(Object.values(outcomes)).toEqual(Array.from({ length: 10 }, () => 'unprocessed'));
});

test('an import into a table with hidden rows fails as a whole, and rejects no line', async () => {
  const workspace = await seedWorkspace(database(), 'import', 2);
  const imports = await createImportSteps(database());
  const jobId = await imports.start(workspace, 'userId,city\nu-1,Pune\nu-9,Goa\n', {
    mode: 'replace',
  });
  await imports.check(jobId);
  await hideRows('users', 'users_import');
  expect(await failureOf(imports.import(jobId))).toMatchObject(ROW_SECURITY);
  expect((await asOwner('SELECT FROM import_failures')).rowCount).toBe(0);
  expect(await countOf(database(), 'import')).toBe(2);
});

test('a restore into a table with hidden rows fails, restores no user, and reports none as missing', async () => {
  const workspace = await seedWorkspace(database(), 'restore', 20);
  const deletion = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 10 });
  const { exportId } = await steps.backUp(deletion);
  await steps.remove(deletion, exportId);
  await steps.finish({ jobId: deletion, end: { kind: 'completed' } });
  const jobId = await startRestore(workspace, exportId);
  await hideRows('users', 'users_restore');
  const restore = createRestoreBackedUpUsers(steps.deps)({ jobId }, new AbortController().signal);
  const failure = await failureOf(restore);
  expect(failure).toMatchObject(ROW_SECURITY);
  expect(await countOf(database(), 'restore')).toBe(10);
  expect(await endOf(jobId, failure)).toMatchObject({
    state: 'failed',
    counts: { selected: 10, restored: 0, present: 0, notFound: 0, failed: 0, unprocessed: 10 },
    outcomes: {},
  });
});

test('a step fails if rows of a table of Keepsake are hidden, and its error names the table', async () => {
  await hideRows('jobs');
  const failure = await failureOf(claimJob(database().app.db, uuidv7(), 'test-run'));
  expect(failure).toMatchObject(ROW_SECURITY);
  expect(String(failure)).toContain('jobs');
});
