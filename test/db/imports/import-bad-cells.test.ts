import { expect, test } from 'vitest';
import { listProblems } from '../../../db/imports/import-tallies.ts';
import type { ImportOptions } from '../../../imports/options.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedTypedWorkspace } from '../../support/steps/export.ts';
import { failuresOf, useImportSteps } from '../../support/steps/import.ts';

const database = useDatabase();
const steps = useImportSteps(database);

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const seeded = async (id: string) => {
  const workspace = await seedTypedWorkspace(database(), id);
  await query(
    `INSERT INTO users (workspace_id, user_id, first_name, email, properties, legal_hold) VALUES
      ($1, 'a', 'Ada', 'a@x.example', '{"number": 1, "string": "s"}', false),
      ($1, 'h', 'Hal', 'h@x.example', '{}', true)`,
    [id],
  );
  return workspace;
};

const usersOf = (id: string) =>
  query(
    `SELECT user_id, first_name, email, properties FROM users WHERE workspace_id = $1 AND NOT legal_hold
      ORDER BY user_id`,
    [id],
  );

const FILE = [
  'userId,firstName,email,properties.number',
  'a,,secret-mail,secret-number',
  'n,New,secret-mail,5',
  'h,Hold,secret-mail,5',
  `${'x'.repeat(300)},Long,,`,
  ',Nobody,secret-mail,',
].join('\n');

test.each<[Partial<ImportOptions>, object]>([
  [{ mode: 'update' }, { first_name: null, properties: { number: 1, string: 's' } }],
  [{ mode: 'replace' }, { first_name: null, properties: { number: 1 } }],
  [
    { mode: 'update', emptyCells: 'keep' },
    { first_name: 'Ada', properties: { number: 1, string: 's' } },
  ],
])(
  'with %j an invalid cell is left out and reported, and the rest is imported',
  async (options, a) => {
    const id = `skip-${options.mode}-${options.emptyCells ?? 'clear'}`;
    const workspace = await seeded(id);
    const { jobId, ...result } = await steps.run(workspace, `${FILE}\n`, {
      ...options,
      badCells: 'skipCell',
    });
    expect(result).toMatchObject({
      state: 'partiallySucceeded',
      counts: { lines: 5, imported: 1, merged: 1, held: 1, failed: 2, partial: 2 },
    });
    expect(await usersOf(id)).toEqual([
      { user_id: 'a', email: 'a@x.example', ...a },
      { user_id: 'n', first_name: 'New', email: null, properties: { number: 5 } },
    ]);
    const failed = await failuresOf(database(), jobId);
    expect(failed.map(({ line, code }) => [line, code])).toEqual([
      [2, 'cellsSkipped'],
      [3, 'cellsSkipped'],
      [4, 'held'],
      [5, 'invalidDataType'],
      [6, 'propertyRequired'],
    ]);
    expect(failed[0]?.message).toMatch(
      /^imported without: email must be .*; properties\.number must be/,
    );
    expect(failed[2]?.message).toMatch(/legal hold; imported without: email must be/);
    for (const { message } of failed) expect(message).not.toContain('secret');
    const problems = (await listProblems(database().api.db, [jobId])).get(jobId) ?? [];
    expect(problems).toEqual([
      { column: 'email', rule: 'mailAddress', count: 4, firstLine: 2 },
      { column: 'properties.number', rule: 'number', count: 1, firstLine: 2 },
      { column: null, rule: 'held', count: 1, firstLine: 4 },
      { column: 'userId', rule: 'tooLong', count: 1, firstLine: 5 },
      { column: 'userId', rule: 'required', count: 1, firstLine: 6 },
    ]);
  },
);

test('an import that only leaves out cells succeeds, and its dry run has the same result', async () => {
  const workspace = await seeded('fine');
  const file = 'userId,email\na,none\na,a2@x.example\na,none\n';
  for (const dryRun of [true, false]) {
    const result = await steps.run(workspace, file, { badCells: 'skipCell', dryRun });
    expect(result).toMatchObject({
      state: 'succeeded',
      failures: 0,
      counts: { lines: 3, merged: 3, unchanged: 2, failed: 0, partial: 2 },
    });
  }
  expect((await usersOf('fine'))[0]).toMatchObject({ email: 'a2@x.example' });
});

test('a line fails if the email address that finds its user is invalid', async () => {
  const workspace = await seeded('key');
  const file = 'email,firstName,properties.number\nnone,X,1\na@x.example,Eve,no\n';
  const { jobId, counts } = await steps.run(workspace, file, {
    badCells: 'skipCell',
    matchBy: 'email',
  });
  expect(counts).toMatchObject({ merged: 1, failed: 1, partial: 1 });
  const failed = await failuresOf(database(), jobId);
  expect(failed.map(({ line, code }) => [line, code])).toEqual([
    [2, 'invalidDataType'],
    [3, 'cellsSkipped'],
  ]);
});

test.each([true, false])(
  'in mode insert, a line about an existing user leaves out no cell (dry run: %s)',
  async (dryRun) => {
    const workspace = await seeded(`insert-${dryRun}`);
    const rows = ['a,none,1', 'n,none,1', 'n,none,no', 'm,m@x.example,no', 'n,,', 'h,none,'];
    const file = `userId,email,properties.number\n${rows.join('\n')}\n`;
    const options = { mode: 'insert', badCells: 'skipCell', dryRun } as const;
    const { jobId, state, counts } = await steps.run(workspace, file, options);
    expect(state).toBe('succeeded');
    expect(counts).toMatchObject({ lines: 6, imported: 2, skipped: 4, failed: 0, partial: 2 });
    expect((await failuresOf(database(), jobId)).map(({ line }) => line)).toEqual([3, 5]);
    const problems = (await listProblems(database().api.db, [jobId])).get(jobId) ?? [];
    expect(problems.map(({ column, count }) => [column, count])).toEqual([
      ['email', 1],
      ['properties.number', 1],
    ]);
  },
);

test('in mode insert, a line about an existing user leaves out no cell, also line by line', async () => {
  const workspace = await seeded('insert-refused');
  await query(`ALTER TABLE users ADD CONSTRAINT no_bad CHECK (user_id <> 'bad') NOT VALID`);
  const file = 'userId,email\na,none\nbad,none\nn,none\nn,none\n';
  const options = { mode: 'insert', badCells: 'skipCell' } as const;
  const { jobId, counts } = await steps.run(workspace, file, options);
  await query('ALTER TABLE users DROP CONSTRAINT no_bad');
  expect(counts).toMatchObject({ imported: 1, skipped: 2, failed: 1, partial: 1 });
  const failed = await failuresOf(database(), jobId);
  expect(failed.map(({ line, code }) => [line, code])).toEqual([
    [3, 'rejected'],
    [4, 'cellsSkipped'],
  ]);
  expect(failed[0]?.message).toContain('imported without: email');
});

test('by default, an invalid cell fails its line', async () => {
  const workspace = await seeded('default');
  const { counts } = await steps.run(workspace, 'userId,email\na,none\nn,n@x.example\n');
  expect(counts).toMatchObject({ imported: 1, failed: 1, partial: 0 });
});

test('each reported line with NUL is stored, and its message states that NUL was replaced', async () => {
  const workspace = await seeded('nul');
  const file = 'userId,firstName,properties.number\nh,A\0,1\nn,N,2\0\n\0,x,3\n1,B\uFFFD,no\n';
  const { jobId } = await steps.run(workspace, file, { badCells: 'skipCell' });
  const failed = await failuresOf(database(), jobId);
  const sentence = 'has U+FFFD, which replaces a character that cannot be stored';
  expect(
    failed.map(({ payload, code, message }) => [payload, code, message.includes(sentence)]),
  ).toEqual([
    ['h,A\uFFFD,1', 'held', true],
    ['n,N,2\uFFFD', 'cellsSkipped', true],
    ['\uFFFD,x,3', 'invalidDataType', true],
    ['1,B\uFFFD,no', 'cellsSkipped', false],
  ]);
});
