import { expect, test } from 'vitest';
import { findJobRow } from '../../../db/jobs/jobs.ts';
import { MAX_CHUNK_LINES } from '../../../imports/read-chunks.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace } from '../../support/steps/deletion.ts';
import { failuresOf, useImportSteps } from '../../support/steps/import.ts';
import { waylay } from '../../support/http/waylay.ts';

const database = useDatabase();
const steps = useImportSteps(database);

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const hold = (workspaceId: string, ids: string[]) =>
  query(
    'UPDATE users SET legal_hold = true WHERE workspace_id = $1 AND user_id = ANY ($2::text[])',
    [workspaceId, ids],
  );

const heldRows = (workspaceId: string) =>
  query(`SELECT users.*, xmin::text FROM users WHERE workspace_id = $1 AND legal_hold`, [
    workspaceId,
  ]);

const HELD = { code: 'held', message: 'the user is under legal hold' };

test.each([
  ['update', false],
  ['update', true],
  ['replace', false],
  ['replace', true],
] as const)(
  'in mode %s (dry run: %s) users under hold stay unchanged, and each of their lines is reported',
  async (mode, dryRun) => {
    const id = `held-${mode}-${dryRun}`;
    const workspace = await seedWorkspace(database(), id, 6);
    await hold(id, ['u-2', 'u-5']);
    const before = await heldRows(id);
    const file = 'userId,country\nu-1,FR\nu-2,FR\nu-5,DE\nu-3,FR\nu-2,IT\nu-3,FR\nnew,FR\n';
    const { jobId, ...result } = await steps.run(workspace, file, { mode, dryRun });
    expect(result).toMatchObject({
      state: 'partiallySucceeded',
      failures: 3,
      counts: { lines: 7, imported: 1, merged: 3, unchanged: 1, held: 3, failed: 0, skipped: 0 },
    });
    expect(await heldRows(id)).toEqual(before);
    expect(await failuresOf(database(), jobId)).toEqual([
      { line: 3, payload: 'u-2,FR', ...HELD },
      { line: 4, payload: 'u-5,DE', ...HELD },
      { line: 6, payload: 'u-2,IT', ...HELD },
    ]);
  },
);

test('in mode insert, a user under hold is skipped like any existing user', async () => {
  const workspace = await seedWorkspace(database(), 'insert', 2);
  await hold('insert', ['u-1']);
  const { counts } = await steps.run(workspace, 'userId,country\nu-1,FR\nu-3,FR\n', {
    mode: 'insert',
  });
  expect(counts).toMatchObject({ imported: 1, skipped: 1, held: 0, failed: 0 });
});

test('an import about only held users fails, and may be retried', async () => {
  const workspace = await seedWorkspace(database(), 'all', 2);
  await hold('all', ['u-1', 'u-2']);
  const { jobId, ...result } = await steps.run(workspace, 'userId,country\nu-1,FR\nu-2,FR\n');
  expect(result).toMatchObject({
    state: 'failed',
    error: { type: 'everyLineRefused' },
    counts: { lines: 2, held: 2, failed: 0 },
  });
  expect(result.error?.message).toContain('retry');
  expect((await findJobRow(database().app.db, jobId, 'all'))?.is_retryable).toBe(true);
  expect((await failuresOf(database(), jobId)).map(({ line }) => line)).toEqual([2, 3]);
});

test.each([
  ['looked at', 'SELECT count(*) FILTER (WHERE NOT'],
  ['locked', 'INSERT INTO public'],
])(
  'a hold that is set after its user was %s is kept, in a chunk of many users',
  async (what, beginning) => {
    const id = `late-${what.replace(' ', '-')}`;
    const workspace = await seedWorkspace(database(), id, 10);
    const theirs = () =>
      query(
        `UPDATE users SET legal_hold = true, city = 'theirs' WHERE workspace_id = $1 AND user_id = 'u-4'`,
        [id],
      );
    let late: Promise<unknown> = Promise.resolve();
    // Once the row is locked, the other transaction waits, and sets the hold on the user that the
    // import has changed.
    const isLocked = what === 'locked';
    const undo = waylay(steps, beginning, async () => {
      late = theirs();
      if (!isLocked) await late;
    });
    const lines = Array.from({ length: 12 }, (_, n) => `u-${n + 1},ours\n`).join('');
    const { counts } = await steps.run(workspace, `userId,city\n${lines}`);
    undo();
    await late;
    expect(counts).toMatchObject(
      isLocked ? { imported: 2, merged: 10, held: 0 } : { imported: 2, merged: 9, held: 1 },
    );
    const [user] = await query(
      `SELECT city, legal_hold FROM users WHERE workspace_id = $1 AND legal_hold`,
      [id],
    );
    expect(user).toEqual({ city: 'theirs', legal_hold: true });
  },
);

test('held users stop no other line of a chunk that is imported line by line', async () => {
  const workspace = await seedWorkspace(database(), 'careful', 20);
  await query(`ALTER TABLE users_careful ADD CONSTRAINT no CHECK (city <> 'poison')`);
  await hold('careful', ['u-3', 'u-7']);
  const lines = Array.from({ length: 20 }, (_, n) => `u-${n + 1},${n === 9 ? 'poison' : 'x'}\n`);
  const { jobId, counts } = await steps.run(workspace, `userId,city\n${lines.join('')}`);
  expect(counts).toMatchObject({ merged: 17, held: 2, failed: 1 });
  const codes = (await failuresOf(database(), jobId)).map(({ line, code }) => [line, code]);
  expect(codes).toEqual([
    [4, 'held'],
    [8, 'held'],
    [11, 'rejected'],
  ]);
});

test('more than a chunk of held users is reported completely', async () => {
  const count = MAX_CHUNK_LINES + 5;
  const workspace = await seedWorkspace(database(), 'many', count);
  await query(
    `UPDATE users SET legal_hold = true WHERE workspace_id = 'many' AND user_id <> 'u-1'`,
  );
  const lines = Array.from({ length: count }, (_, n) => `u-${n + 1},x\n`);
  const { jobId, counts } = await steps.run(workspace, `userId,city\n${lines.join('')}`);
  expect(counts).toMatchObject({ lines: count, merged: 1, held: count - 1 });
  expect(await failuresOf(database(), jobId)).toHaveLength(count - 1);
});
