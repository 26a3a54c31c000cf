import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { listCleared } from '../../../db/imports/import-tallies.ts';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { findJobRow, insertJob } from '../../../db/jobs/jobs.ts';
import { MAX_CHUNK_LINES } from '../../../imports/read-chunks.ts';
import type { ImportOptions } from '../../../imports/options.ts';
import { useDatabase } from '../../support/database/database.ts';
import type { SeededWorkspace } from '../../support/steps/deletion.ts';
import { seedTypedWorkspace } from '../../support/steps/export.ts';
import { failuresOf, useImportSteps } from '../../support/steps/import.ts';
import { waylay } from '../../support/http/waylay.ts';

/** The effects of empty cells, of the keys that find users, and of the modes. */

const database = useDatabase();
const steps = useImportSteps(database);

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

/** Two users, `a` and `b`. */
const seeded = async (id: string) => {
  const workspace = await seedTypedWorkspace(database(), id);
  await query(
    `INSERT INTO users (workspace_id, user_id, first_name, city, email, tags, properties) VALUES
      ($1, 'a', 'Ada', 'Pune', 'ADA@x.example', '{t}', '{"number": 1, "string": "s"}'),
      ($1, 'b', 'Bob', NULL, 'bob@x.example', NULL, '{"number": 2}')`,
    [id],
  );
  return workspace;
};

const usersOf = (id: string) =>
  query(
    `SELECT user_id, first_name, city, email, tags, properties FROM users
      WHERE workspace_id = $1 AND user_id NOT LIKE 'f-%' ORDER BY user_id`,
    [id],
  );

const clearedBy = async (jobId: string) =>
  Object.fromEntries(
    ((await listCleared(database().api.db, [jobId])).get(jobId) ?? []).map((field) => [
      field.column,
      field.count,
    ]),
  );

/** Retries an import as the API does: with its file and options, if it may be retried. */
const retry = async ({ workspaceId, keyId }: SeededWorkspace, failedId: string) => {
  const { db } = database().app;
  const failed = await findJobRow(db, failedId, workspaceId);
  expect(failed).toMatchObject({ is_retryable: true });
  const jobId = uuidv7();
  await insertJob(db, {
    id: jobId,
    workspaceId,
    type: 'import',
    selection: failed!.selection as object,
    options: failed!.options as object,
    actorKeyId: keyId,
    importFile: { id: failed!.import_file_id! },
    retry: { of: failedId, users: 'all' },
  });
  await claimJob(db, jobId, 'test-run');
  await steps.check(jobId);
  await steps.import(jobId);
  return { jobId, ...(await steps.finish(jobId)) };
};

const FILE = 'userId,firstName,city,properties.number\na,,,\nb,,,\nc,Cy,,\n';
const A = { user_id: 'a', email: 'ADA@x.example', tags: ['t'] };
const B = { user_id: 'b', email: 'bob@x.example', tags: null };

test.each<[Partial<ImportOptions>, object, object, Record<string, number>]>([
  [
    { mode: 'update' },
    { first_name: null, city: null, properties: { string: 's' } },
    { first_name: null, city: null, properties: {} },
    { firstName: 2, city: 1, 'properties.number': 2 },
  ],
  [
    { mode: 'update', emptyCells: 'keep' },
    { first_name: 'Ada', city: 'Pune', properties: { number: 1, string: 's' } },
    { first_name: 'Bob', city: null, properties: { number: 2 } },
    {},
  ],
  [
    { mode: 'replace' },
    { first_name: null, city: null, properties: {}, email: null, tags: null },
    { first_name: null, city: null, properties: {}, email: null, tags: null },
    { firstName: 2, city: 1, email: 2, tags: 1, 'properties.number': 2, 'properties.string': 1 },
  ],
  [
    { mode: 'replace', emptyCells: 'keep' },
    { first_name: 'Ada', city: 'Pune', properties: { number: 1 }, email: null, tags: null },
    { first_name: 'Bob', city: null, properties: { number: 2 }, email: null, tags: null },
    { email: 2, tags: 1, 'properties.string': 1 },
  ],
])(
  'with %j empty cells have the chosen effect, and cleared values are counted',
  async (options, a, b, cleared) => {
    const id = `empty-${options.mode}-${options.emptyCells}`;
    const workspace = await seeded(id);
    const before = await usersOf(id);
    const dry = await steps.run(workspace, FILE, { ...options, dryRun: true });
    expect(await clearedBy(dry.jobId)).toEqual(cleared);
    expect(await usersOf(id)).toEqual(before);
    const { jobId, counts } = await steps.run(workspace, FILE, options);
    expect(counts).toEqual(dry.counts);
    expect(counts).toMatchObject({ imported: 1, merged: 2 });
    const c = {
      user_id: 'c',
      first_name: 'Cy',
      city: null,
      email: null,
      tags: null,
      properties: {},
    };
    expect(await usersOf(id)).toEqual([{ ...A, ...a }, { ...B, ...b }, c]);
    expect(await clearedBy(jobId)).toEqual(cleared);
    // In a second import, there is nothing left to clear.
    expect(await clearedBy((await steps.run(workspace, FILE, options)).jobId)).toEqual({});
  },
);

const REPEATED = [
  'a,,Oslo,5',
  'a,Eve,,5',
  'a,,,',
  'a,Eve,Oslo,5',
  'a,Ada,Pune,',
  'b,,,2',
  'b,Bob,,',
  'new,,,',
  'new,X,,1',
  'new,,,1',
];

test.each(['clear', 'keep'] as const)(
  'with empty cells that %s, lines of one user have the same counts in one chunk and in many',
  async (emptyCells) => {
    const told = [];
    for (const isSpread of [false, true]) {
      const id = `repeated-${emptyCells}-${isSpread}`;
      const workspace = await seeded(id);
      const others = (n: number) =>
        isSpread ? Array.from({ length: MAX_CHUNK_LINES }, (_, i) => `f-${n}-${i},,,`) : [];
      const lines = REPEATED.flatMap((line, n) => [line, ...others(n)]);
      const file = `userId,firstName,city,properties.number\n${lines.join('\n')}\n`;
      const { jobId, counts } = await steps.run(workspace, file, { emptyCells });
      const { merged, unchanged } = counts;
      told.push({ merged, unchanged, cleared: await clearedBy(jobId), users: await usersOf(id) });
    }
    expect(told[0]).toEqual(told[1]);
    const isKept = emptyCells === 'keep';
    expect(told[0]).toMatchObject(
      isKept
        ? { merged: 9, unchanged: 5, cleared: {} }
        : { cleared: { firstName: 4, city: 1, 'properties.number': 3 } },
    );
  },
);

test.each([false, true])(
  'updateOnly creates no user, and reports lines about unknown users (dry run: %s)',
  async (dryRun) => {
    const id = `only-${dryRun}`;
    const workspace = await seeded(id);
    const file = 'userId,firstName\na,Eve\nx,X\nb,Bob\nx,Y\n';
    const { jobId, ...result } = await steps.run(workspace, file, { mode: 'updateOnly', dryRun });
    expect(result).toMatchObject({
      state: 'partiallySucceeded',
      counts: { lines: 4, imported: 0, merged: 2, unchanged: 1, failed: 2 },
    });
    expect(await failuresOf(database(), jobId)).toMatchObject([
      { line: 3, payload: 'x,X', code: 'unknownUser' },
      { line: 5, payload: 'x,Y', code: 'unknownUser' },
    ]);
    expect((await usersOf(id)).map(({ user_id, first_name }) => [user_id, first_name])).toEqual([
      ['a', dryRun ? 'Ada' : 'Eve'],
      ['b', 'Bob'],
    ]);
  },
);

test('an updateOnly import about only unknown users fails, and its retry succeeds once the users exist', async () => {
  const workspace = await seeded('nobody');
  const file = 'userId,firstName\nx,Xa\n';
  const first = await steps.run(workspace, file, { mode: 'updateOnly' });
  const again = await retry(workspace, first.jobId);
  for (const end of [first, again]) {
    expect(end).toMatchObject({ state: 'failed', error: { type: 'everyLineRefused' } });
  }
  expect(await usersOf('nobody')).toHaveLength(2);
  await query(`INSERT INTO users (workspace_id, user_id) VALUES ('nobody', 'x')`);
  const last = await retry(workspace, again.jobId);
  expect(last).toMatchObject({ state: 'succeeded', counts: { imported: 0, merged: 1 } });
  expect((await usersOf('nobody')).at(-1)).toMatchObject({ user_id: 'x', first_name: 'Xa' });
});

const BY_MAIL =
  'email,firstName,userId\nada@X.example,Eve,of no matter\nnobody@x.example,N,\ntwo@x.example,T,\nADA@x.example,Eva,\nno address,N,\n,N,\nBOB@x.example,Bob,\n';

test.each(['update', 'updateOnly', 'replace'] as const)(
  'in mode %s, lines find users by email address in any case, in the order of the file',
  async (mode) => {
    const id = `mail-${mode.toLowerCase()}`;
    const workspace = await seeded(id);
    await query(
      `INSERT INTO users (workspace_id, user_id, email) VALUES ($1, 'f-1', 'Two@x.example'), ($1, 'f-2', 'two@x.example')`,
      [id],
    );
    const { jobId, counts } = await steps.run(workspace, BY_MAIL, { mode, matchBy: 'email' });
    expect(counts).toMatchObject({ lines: 7, imported: 0, merged: 3, failed: 4 });
    const failed = await failuresOf(database(), jobId);
    expect(failed.map(({ line, code }) => [line, code])).toEqual([
      [3, 'unknownUser'],
      [4, 'ambiguousUser'],
      [6, 'invalidDataType'],
      [7, 'propertyRequired'],
    ]);
    for (const { message } of failed) expect(message).not.toContain('example');
    const users = await usersOf(id);
    expect(users.map(({ first_name, email }) => [first_name, email])).toEqual([
      ['Eva', 'ADA@x.example'],
      ['Bob', 'bob@x.example'],
    ]);
  },
);

test('a file with its own column names is checked and imported by the mapping of its job', async () => {
  const workspace = await seeded('mapped');
  const file =
    'E-Mail;Stadt;Zahl;Notiz\nADA@x.example;Bonn;7;x\nE-Mail;Stadt;Zahl;Notiz\nbob@x.example;Ulm;;y\n';
  const columns = { 'E-Mail': 'email', Stadt: 'city', Zahl: 'properties.number', Notiz: null };
  const { counts } = await steps.run(workspace, file, { matchBy: 'email', columns });
  expect(counts).toMatchObject({ lines: 2, merged: 2 });
  const users = await usersOf('mapped');
  expect(users.map(({ city, properties }) => [city, properties.number])).toEqual([
    ['Bonn', 7],
    ['Ulm', undefined],
  ]);
});

test('an import does not change a user whose email address changes before the write', async () => {
  const workspace = await seeded('moved');
  const undo = waylay(steps, 'SELECT count(*) FILTER (WHERE NOT', () =>
    query(
      `UPDATE users SET email = 'new@x.example' WHERE workspace_id = 'moved' AND user_id = 'a'`,
    ),
  );
  const file = 'email,firstName\nada@x.example,Eve\nbob@x.example,Rob\n';
  const { counts } = await steps.run(workspace, file, { matchBy: 'email' });
  undo();
  expect(counts).toMatchObject({ merged: 1, failed: 1 });
  const users = await usersOf('moved');
  expect(users.map(({ first_name }) => first_name)).toEqual(['Ada', 'Rob']);
});

test('with matching by mail, a chunk is imported line by line if the database refuses a line', async () => {
  const workspace = await seeded('mail-careful');
  await query(`ALTER TABLE "users_mail-careful" ADD CONSTRAINT no CHECK (city <> 'poison')`);
  const file =
    'email,city\nada@x.example,poison\nbob@x.example,Rome\nADA@x.example,Bonn\nx@x.example,x\n';
  const { jobId, counts } = await steps.run(workspace, file, { matchBy: 'email' });
  expect(counts).toMatchObject({ merged: 2, failed: 2 });
  const failed = await failuresOf(database(), jobId);
  expect(failed.map(({ line, code }) => [line, code])).toEqual([
    [2, 'rejected'],
    [5, 'unknownUser'],
  ]);
  expect((await usersOf('mail-careful')).map(({ city }) => city)).toEqual(['Bonn', 'Rome']);
});

/** What was read from the users of a workspace. A session reports its reads when it ends. */
const readsOf = async (id: string) => {
  await query(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
  const [reads] = await query(
    `SELECT seq_tup_read::float8 AS scanned, (SELECT sum(idx_scan)::float8 FROM pg_stat_user_indexes AS i
              WHERE i.relid = t.relid AND indexrelname LIKE '%lower%') AS "lookUps"
       FROM pg_stat_user_tables AS t WHERE relname = $1`,
    [`users_${id}`],
  );
  return reads;
};

test('addresses are looked up by the index, also in a table without statistics', async () => {
  const workspace = await seedTypedWorkspace(database(), 'big');
  await query(
    `INSERT INTO users (workspace_id, user_id, email)
     SELECT 'big', 'f-' || n, 'u' || n || '@x.example' FROM generate_series(1, 30000) n`,
  );
  const lines = Array.from({ length: 500 }, (_, n) => `U${n + 1}@x.example,x\n`).join('');
  const before = await readsOf('big');
  const { counts } = await steps.run(workspace, `email,city\n${lines}`, { matchBy: 'email' });
  expect(counts).toMatchObject({ merged: 500 });
  const after = await readsOf('big');
  expect(after.lookUps - before.lookUps).toBeGreaterThanOrEqual(500);
  // Without the index, 500 addresses would be compared with 30,000 users each.
  expect(after.scanned - before.scanned).toBeLessThan(1_000_000);
});
