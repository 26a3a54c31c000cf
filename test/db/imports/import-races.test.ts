import { expect, test } from 'vitest';
import { mergeUsers } from '../../../db/users/user-merge.ts';
import { MAX_CHUNK_LINES } from '../../../imports/read-chunks.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  createDeletionSteps,
  type SeededWorkspace,
  seedWorkspace,
  startDeletion,
} from '../../support/steps/deletion.ts';
import { failuresOf, useImportSteps } from '../../support/steps/import.ts';
import { waylay } from '../../support/http/waylay.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

const database = useDatabase();
const steps = useImportSteps(database);

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const fileOf = (from: number, to: number, city: string): string =>
  `userId,city\n${Array.from({ length: to - from + 1 }, (_, n) => `u-${from + n},${city}\n`).join('')}`;

const citiesOf = async ({ workspaceId }: SeededWorkspace) =>
  query(
    `SELECT city, count(*)::int AS n FROM users WHERE workspace_id = $1 GROUP BY city ORDER BY city`,
    [workspaceId],
  );

test.each([
  [
    'made',
    'INSERT INTO public',
    `INSERT INTO users (workspace_id, user_id, city) VALUES ('made', 'u-8', 'theirs')`,
    { imported: 4, merged: 6 },
    10,
  ],
  [
    'removed',
    'SELECT count(*) FILTER (WHERE NOT',
    `DELETE FROM users WHERE workspace_id = 'removed' AND user_id = 'u-2'`,
    { imported: 6, merged: 4 },
    10,
  ],
  [
    'changed',
    'SELECT count(*) FILTER (WHERE NOT',
    `UPDATE users SET city = 'ours', first_name = 'theirs' WHERE user_id = 'u-2' AND workspace_id = 'changed'`,
    { imported: 5, merged: 5, unchanged: 1 },
    10,
  ],
])(
  'a user that others have %s between two statements is counted by its last state',
  async (id, beginning, theirs, counts, users) => {
    const workspace = await seedWorkspace(database(), id, 5);
    const undo = waylay(steps, beginning, () => query(theirs));
    const result = await steps.run(workspace, fileOf(1, 10, 'ours'));
    undo();
    expect(result).toMatchObject({ state: 'succeeded', counts: { lines: 10, ...counts } });
    expect(await citiesOf(workspace)).toEqual([{ city: 'ours', n: users }]);
  },
);

test('a user that already equals its line may be removed meanwhile, and is not created again', async () => {
  const workspace = await seedWorkspace(database(), 'unlocked', 3);
  await query(`UPDATE users SET city = 'ours' WHERE workspace_id = 'unlocked'`);
  const undo = waylay(steps, 'INSERT INTO public', () =>
    query(`DELETE FROM users WHERE workspace_id = 'unlocked' AND user_id = 'u-2'`),
  );
  const { counts } = await steps.run(workspace, fileOf(1, 4, 'ours'));
  undo();
  expect(counts).toMatchObject({ imported: 1, merged: 3, unchanged: 3 });
  expect(await countOf(database(), 'unlocked')).toBe(3);
});

/** 1,000 of the users `u-<n>`, in an order of their own. */
const users = (from: number) =>
  Array.from({ length: 1_000 }, (_, n) => ({
    userId: `u-${from + ((n * 7_919) % 1_000)}`,
    columns: { city: 'merged' },
    properties: {},
  }));

test('imports and merges of the same users at the same time all succeed', async () => {
  const workspace = await seedWorkspace(database(), 'crowd', 2_000);
  const options = { actorKeyId: workspace.keyId, mayCreate: true, mayClearHold: true };
  const merge = (from: number) => mergeUsers(database().app.db, 'crowd', users(from), options);
  const all = await Promise.all([
    steps.run(workspace, fileOf(1, 4_000, 'a')),
    steps.run(workspace, fileOf(1_001, 5_000, 'b')),
    ...[500, 1_500, 2_500, 3_500, 1_500, 3_500].map(merge),
  ]);
  const [first, second] = all;
  for (const result of [first, second]) {
    expect(result).toMatchObject({ state: 'succeeded', counts: { lines: 4_000, failed: 0 } });
  }
  expect(await countOf(database(), 'crowd')).toBe(5_000);
});

test('a chunk that another attempt has recorded meanwhile is rolled back, and counts once', async () => {
  const workspace = await seedWorkspace(database(), 'fenced', 0);
  const jobId = await steps.start(workspace, fileOf(1, 10, 'ours'));
  await steps.check(jobId);
  const undo = waylay(steps, 'INSERT INTO import_chunks', async () => {
    await query(`INSERT INTO import_chunks VALUES ($1, 1, 10, 10, 0, 0, 0, 0)`, [jobId]);
  });
  await steps.import(jobId);
  undo();
  expect(await countOf(database(), 'fenced')).toBe(0);
  expect((await steps.finish(jobId)).counts).toMatchObject({ lines: 10, imported: 10 });
});

test('a late cancel rolls back the open chunk, and keeps the chunks before it', async () => {
  const workspace = await seedWorkspace(database(), 'cancelled', 0);
  const jobId = await steps.start(workspace, fileOf(1, 2 * MAX_CHUNK_LINES, 'ours'));
  await steps.check(jobId);
  const cancel = () => query(`UPDATE jobs SET state = 'cancelling' WHERE id = $1`, [jobId]);
  const undo = waylay(steps, 'BEGIN ISOLATION LEVEL READ COMMITTED;', cancel, 1);
  await expect(steps.import(jobId)).rejects.toMatchObject({ type: 'jobNotRunning' });
  undo();
  const result = await steps.finish(jobId, { kind: 'failed', type: 'jobNotRunning', message: '' });
  expect(result).toMatchObject({
    state: 'cancelled',
    failures: MAX_CHUNK_LINES,
    counts: {
      lines: 2 * MAX_CHUNK_LINES,
      imported: MAX_CHUNK_LINES,
      unprocessed: MAX_CHUNK_LINES,
    },
  });
  expect(await countOf(database(), 'cancelled')).toBe(MAX_CHUNK_LINES);
});

test('a deletion keeps users that an import has changed since the backup, and deletes unchanged users', async () => {
  const workspace = await seedWorkspace(database(), 'promised', 4);
  const deletion = await createDeletionSteps(database());
  const ids = ['u-1', 'u-2', 'u-3', 'u-4'];
  const jobId = await startDeletion(database(), workspace, { ids });
  const { exportId } = await deletion.backUp(jobId);
  const { counts } = await steps.run(workspace, 'userId,country\nu-1,DE\nu-2,FR\nu-3,DE\nu-9,DE\n');
  expect(counts).toMatchObject({ imported: 1, merged: 3, unchanged: 2 });
  expect(await deletion.remove(jobId, exportId)).toEqual({ deleted: 3 });
  const left = await query(`SELECT user_id FROM users WHERE workspace_id = 'promised' ORDER BY 1`);
  expect(left).toEqual([{ user_id: 'u-2' }, { user_id: 'u-9' }]);
});

const refusing = (id: string, when: string, condition: string, action: string): string => `
  CREATE FUNCTION no_${id}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF ${condition} THEN ${action} END IF; RETURN NEW; END $$;
  CREATE TRIGGER no ${when} ON "users_${id}" FOR EACH ROW EXECUTE FUNCTION no_${id}()`;

const POISON = `NEW.city = 'poison'`;

test.each([
  ['raise', 'BEFORE INSERT OR UPDATE', `RAISE EXCEPTION 'no: %', NEW.user_id;`, /SQLSTATE P0001/],
  ['divide', 'AFTER INSERT OR UPDATE', 'PERFORM 1 / 0;', /SQLSTATE 22012/],
  [
    'swallow',
    'BEFORE INSERT OR UPDATE',
    'RETURN NULL;',
    /a trigger of the database prevents the change/,
  ],
])(
  'lines that a trigger refuses (%s) are rejected, for new and old users, and stop no other line',
  async (id, when, action, why) => {
    const workspace = await seedWorkspace(database(), id, 200);
    await query(refusing(id, when, POISON, action));
    const poisoned = [3, 150, 201, 400];
    const lines = Array.from(
      { length: 400 },
      (_, n) => `u-${n + 1},${poisoned.includes(n + 1) ? 'poison' : 'ours'}\n`,
    );
    // A valid line before the refused line of the same user counts.
    const file = `userId,city\nu-400,good\n${lines.join('')}`;
    const { jobId, ...result } = await steps.run(workspace, file);
    expect(result).toMatchObject({ state: 'partiallySucceeded', failures: 4 });
    expect(result.counts).toMatchObject({ lines: 401, imported: 199, merged: 198, failed: 4 });
    const failed = await failuresOf(database(), jobId);
    expect(failed.map(({ line }) => line)).toEqual(poisoned.map((n) => n + 2));
    for (const { code, message, payload } of failed) {
      expect([code, message]).toEqual(['rejected', expect.stringMatching(why)]);
      expect(payload).toMatch(/^u-\d+,poison$/);
    }
    const cities = await citiesOf(workspace);
    expect(cities).toContainEqual({ city: 'good', n: 1 });
    expect(cities).toContainEqual({ city: 'ours', n: 396 });
  },
);

test('a constraint that is checked at the end of a transaction rejects only its own line', async () => {
  const workspace = await seedWorkspace(database(), 'deferred', 0);
  await query(`CREATE TABLE cities_deferred (city text PRIMARY KEY);
    INSERT INTO cities_deferred VALUES ('Pune');
    ALTER TABLE users_deferred ADD CONSTRAINT known_city FOREIGN KEY (city)
      REFERENCES cities_deferred DEFERRABLE INITIALLY DEFERRED;
    GRANT SELECT, UPDATE ON cities_deferred TO keepsake_app`);
  const { jobId, counts } = await steps.run(workspace, 'userId,city\na,Pune\nb,Oslo\nc,Pune\n');
  expect(counts).toMatchObject({ imported: 2, failed: 1 });
  expect(await failuresOf(database(), jobId)).toMatchObject([
    { line: 3, code: 'rejected', message: expect.stringContaining('constraint known_city') },
  ]);
});

test('the report of a line that the database refuses has no value of the row', async () => {
  const workspace = await seedWorkspace(database(), 'quoted', 0);
  await query(refusing('quoted', 'BEFORE INSERT', 'true', `RAISE EXCEPTION '%', NEW;`));
  const { jobId, error } = await steps.run(workspace, 'userId,city\ncanary-id,canary-city\n');
  const [{ message } = { message: '' }] = await failuresOf(database(), jobId);
  expect(message).toContain('P0001');
  expect(message + error?.message).not.toContain('canary');
});

test('a chunk of only refused lines does not exhaust the locks of the server', async () => {
  const workspace = await seedWorkspace(database(), 'allrefused', 0);
  await query(refusing('allrefused', 'BEFORE INSERT', 'true', `RAISE EXCEPTION 'no';`));
  // Each line takes two savepoints. PostgreSQL has room for the locks of some 6,000 open
  // savepoints.
  const { error, counts } = await steps.run(workspace, fileOf(1, 5_000, 'ours'));
  expect(error?.type).toBe('everyLineRefused');
  expect(counts).toMatchObject({ lines: 5_000, failed: 5_000 });
});

test('the final sums of an import wait for a chunk that is being written', async () => {
  const workspace = await seedWorkspace(database(), 'ended', 0);
  const jobId = await steps.start(workspace, fileOf(1, 3, 'Pune'));
  await steps.check(jobId);
  await query(`UPDATE jobs SET phase = 'importing' WHERE id = $1`, [jobId]);
  const chunk = await database().worker.pool.connect();
  await chunk.query('BEGIN');
  await chunk.query(
    `INSERT INTO import_chunks (job_id, chunk, lines, imported, merged, unchanged, skipped, failed)
     VALUES ($1, 1, 3, 3, 0, 0, 0, 0)`,
    [jobId],
  );
  await chunk.query('SELECT FROM jobs WHERE id = $1 FOR SHARE', [jobId]);
  const ended = steps.finish(jobId, { kind: 'failed', type: 'workflowTerminated', message: '' });
  await expect.poll(() => countLockWaits(database().owner.pool)).toBe(1);
  await chunk.query('COMMIT');
  chunk.release();
  expect((await ended).counts).toMatchObject({ lines: 3, imported: 3, unprocessed: 0 });
});

test('if a table is partitioned again before a chunk, no other user is changed', async () => {
  const workspace = await seedWorkspace(database(), 'again', 10);
  await query(`UPDATE users SET city = 'theirs' WHERE workspace_id = 'again'`);
  const undo = waylay(steps, 'BEGIN', () =>
    query(`ALTER TABLE users DETACH PARTITION users_again;
      ALTER TABLE users_again RENAME TO plain;
      CREATE TABLE users_again (LIKE plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
        PARTITION BY HASH (user_id);
      CREATE TABLE again_0 PARTITION OF users_again FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE again_1 PARTITION OF users_again FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      ALTER TABLE users_again ADD PRIMARY KEY (workspace_id, user_id);
      ALTER TABLE users ATTACH PARTITION users_again FOR VALUES IN ('again');
      INSERT INTO users SELECT * FROM plain;
      GRANT SELECT, INSERT, UPDATE ON users_again, again_0, again_1 TO keepsake_app`),
  );
  // Each leaf has a row at the row id of `u-1`. Lines without a change keep the sums plausible.
  const file = 'userId,city\nu-1,ours\nu-2,theirs\nu-3,theirs\n';
  const run = steps.run(workspace, file);
  await expect(run).rejects.toMatchObject({ type: 'usersNotPlain' });
  undo();
  expect(await citiesOf(workspace)).toEqual([{ city: 'theirs', n: 10 }]);
});
