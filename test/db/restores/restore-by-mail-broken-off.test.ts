import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { cancelJob, insertJob } from '../../../db/jobs/jobs.ts';
import { useDatabase } from '../../support/database/database.ts';
import { failureOf, reasonsOf, useDeletionSteps } from '../../support/steps/deletion.ts';
import { NONE, restoresByMail } from '../../support/steps/restore-by-mail.ts';
import { rowsOf, runRestore } from '../../support/steps/restore.ts';

/** Restores by email addresses that fail or are cancelled, before and after the look-up. */

const database = useDatabase();
const steps = useDeletionSteps(database);
const { asOwner, deleteSome, askFor, begin, look, retry, countIn, spoil } = restoresByMail(
  database,
  steps,
);

test.each(['cancelling', 'settling'])(
  'a look-up for a job that is %s adds no user to it',
  async (word) => {
    const { workspace, exportId } = await deleteSome(['u-1', 'u-2']);
    const { id } = await askFor(workspace, exportId, ['u1@example.com', 'x']);
    await begin(id);
    const { storage } = steps.deps;
    const { get } = storage;
    storage.get = async (key) => {
      // Exactly while the part is being read.
      if (word === 'settling') await steps.enter(id, 'settling');
      else await cancelJob(database().api.db, { id, actorKeyId: workspace.keyId });
      return get(key);
    };
    try {
      expect((await failureOf(look(id)))?.type).toBe('jobNotRunning');
    } finally {
      storage.get = get;
    }
    expect([await countIn('job_targets', id), await countIn('job_addresses', id)]).toEqual([0, 2]);
    const end = { kind: 'failed', type: 'jobNotRunning', message: '' } as const;
    expect(await steps.finish({ jobId: id, end })).toMatchObject({
      state: word === 'settling' ? 'failed' : 'cancelled',
      counts: { ...NONE, selected: 2, unprocessed: 2 },
    });
  },
);

test('a restore that is cancelled while it is queued counts all its users as unprocessed', async () => {
  const { workspace, exportId } = await deleteSome(['u-1', 'u-2', 'u-3']);
  const ids = { selection: { type: 'ids', count: 1 }, targetIds: ['u-1'] };
  const common = { workspaceId: workspace.workspaceId, options: {}, actorKeyId: workspace.keyId };
  const insert = async (what: object) => {
    const job = { id: uuidv7(), selection: { type: 'all' }, ...common, backupId: exportId };
    await insertJob(database().api.db, { ...job, type: 'restore', ...what });
    return job.id;
  };
  const addressed = await askFor(workspace, exportId, ['u1@example.com', 'x']);
  const jobs: [id: string, selected: number][] = [
    [addressed.id, 2],
    [await insert(ids), 1],
    [await insert({}), 3],
  ];
  for (const [id, selected] of jobs) {
    expect(await cancelJob(database().api.db, { id, actorKeyId: workspace.keyId })).toBe(true);
    const { rows } = await asOwner('SELECT counts FROM jobs WHERE id = $1', [id]);
    expect(rows[0].counts).toEqual({ ...NONE, selected, unprocessed: selected });
  }
});

test('no user is looked up in a damaged part, and a retry after its repair finds all users', async () => {
  const { workspace, before, exportId } = await deleteSome(['u-1', 'u-2', 'u-3']);
  const { id } = await askFor(workspace, exportId, ['u1@example.com', 'U2@example.com', 'x']);
  const mend = await spoil(exportId, 1);
  expect(await runRestore(database(), steps, id)).toMatchObject({
    state: 'failed',
    error: { type: 'backupDamaged' },
    counts: { ...NONE, selected: 3, unprocessed: 3 },
  });
  expect(await reasonsOf(database(), id)).toEqual({});
  await mend();
  const again = await retry(id, workspace);
  expect(await runRestore(database(), steps, again)).toMatchObject({
    state: 'succeeded',
    counts: { ...NONE, selected: 3, restored: 2, notFound: 1 },
  });
  const { 'u-3': _left, ...back } = before;
  expect(await rowsOf(database(), workspace.workspaceId)).toEqual(back);
});

test('if a restore fails after the look-up, its retry covers only the users that were found', async () => {
  const { workspace, exportId } = await deleteSome(['u-1', 'u-2']);
  const { id } = await askFor(workspace, exportId, ['u1@example.com', 'x']);
  await begin(id);
  await look(id);
  const end = { kind: 'failed', type: 'storageBroken', message: '' } as const;
  expect(await steps.finish({ jobId: id, end })).toMatchObject({
    counts: { ...NONE, selected: 2, notFound: 1, unprocessed: 1 },
  });
  const again = await retry(id, workspace);
  expect(await runRestore(database(), steps, again)).toMatchObject({
    counts: { ...NONE, selected: 1, restored: 1 },
  });
});

test('a renamed column of email addresses causes one clear error', async () => {
  const { workspace, exportId } = await deleteSome(['u-1']);
  const { id } = await askFor(workspace, exportId, ['u1@example.com']);
  await asOwner('ALTER TABLE users RENAME COLUMN email TO mail');
  try {
    expect(await runRestore(database(), steps, id)).toMatchObject({
      error: { type: 'columnGone', message: expect.stringContaining('email') },
      counts: { ...NONE, selected: 1, unprocessed: 1 },
    });
  } finally {
    await asOwner('ALTER TABLE users RENAME COLUMN mail TO email');
  }
});

test('a look-up reads all parts, and finds no user if one part is damaged', async () => {
  const count = 50_010;
  const ids = Array.from({ length: count }, (_, n) => `u-${n + 1}`);
  const { workspace, exportId } = await deleteSome(ids, count + 6_000);
  const addresses = ids
    .filter((_, n) => n % 10 === 0)
    .map((id) => `${id.replace('-', '')}@example.com`);
  const few = await askFor(workspace, exportId, ['u1@example.com']);
  const mend = await spoil(exportId, 2);
  expect(await runRestore(database(), steps, few.id)).toMatchObject({
    error: { type: 'backupDamaged', message: expect.stringContaining('Part 2') },
    counts: { selected: 1, unprocessed: 1 },
  });
  await mend();
  const { id } = await askFor(workspace, exportId, [...addresses, 'x']);
  expect(await runRestore(database(), steps, id)).toMatchObject({
    state: 'succeeded',
    counts: { ...NONE, selected: 5_002, restored: 5_001, notFound: 1 },
  });
});

test('an interrupted look-up stores nothing, and the next look-up finds all users', async () => {
  const { workspace, exportId } = await deleteSome(['u-1', 'u-2']);
  const { id } = await askFor(workspace, exportId, ['u1@example.com', 'U2@example.com']);
  await begin(id);
  const stopped = new AbortController();
  const { storage } = steps.deps;
  const { get } = storage;
  storage.get = (key) => {
    stopped.abort();
    return get(key);
  };
  await expect(look(id, stopped.signal)).rejects.toThrow('aborted');
  storage.get = get;
  expect([await countIn('job_targets', id), await countIn('job_addresses', id)]).toEqual([0, 2]);
  expect((await runRestore(database(), steps, id)).counts).toMatchObject({ restored: 2 });
});
