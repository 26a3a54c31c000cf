import { expect, test } from 'vitest';
import { toFailure } from '../../../activities/failures.ts';
import { MAX_CHUNK_LINES } from '../../../imports/read-chunks.ts';
import { useDatabase } from '../../support/database/database.ts';
import type { SeededWorkspace } from '../../support/steps/deletion.ts';
import { seedTypedWorkspace } from '../../support/steps/export.ts';
import { useImportSteps, failuresOf } from '../../support/steps/import.ts';

const database = useDatabase();
const steps = useImportSteps(database);

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const workspaceOf = (id: string): Promise<SeededWorkspace> => seedTypedWorkspace(database(), id);

const EXISTING = `('u1', 'Ada', 'Pune', '{old}', '{"string": "kept", "number": 1}'),
                  ('u2', 'Bob', 'Oslo', NULL, '{}')`;

/** A workspace with two users, u1 and u2. */
const seeded = async (id: string): Promise<SeededWorkspace> => {
  const workspace = await workspaceOf(id);
  await query(`INSERT INTO users (workspace_id, user_id, first_name, city, tags, properties)
    SELECT '${id}', user_id, first_name, city, tags::text[], properties::jsonb
      FROM (VALUES ${EXISTING}) AS given (user_id, first_name, city, tags, properties)`);
  return workspace;
};

const usersOf = ({ workspaceId }: SeededWorkspace) =>
  query(
    `SELECT user_id AS id, first_name AS name, city, tags, properties FROM users
      WHERE workspace_id = $1 ORDER BY user_id`,
    [workspaceId],
  );

const stampsOf = ({ workspaceId }: SeededWorkspace) =>
  query(
    `SELECT user_id, written_in, updated_at, xmin, xmax FROM users WHERE workspace_id = $1 ORDER BY user_id`,
    [workspaceId],
  );

const FILE = 'userId,firstName,tags,properties.number\nu1,Ada L.,new;old,\nu3,Cy,,3.5\n';

const COUNTS = {
  lines: 2,
  imported: 1,
  merged: 1,
  unchanged: 0,
  skipped: 0,
  held: 0,
  failed: 0,
  partial: 0,
  unprocessed: 0,
};

const U2 = { id: 'u2', name: 'Bob', city: 'Oslo', tags: null, properties: {} };
const U3 = { id: 'u3', name: 'Cy', city: null, tags: null, properties: { number: 3.5 } };

test('update changes the columns of the file, and an empty cell clears the value', async () => {
  const workspace = await seeded('updating');
  expect(await steps.run(workspace, FILE)).toMatchObject({ state: 'succeeded', counts: COUNTS });
  const u1 = { name: 'Ada L.', city: 'Pune', tags: ['new', 'old'], properties: { string: 'kept' } };
  expect(await usersOf(workspace)).toEqual([{ id: 'u1', ...u1 }, U2, U3]);
});

test('replace sets the record to exactly the content of the line', async () => {
  const workspace = await seeded('replacing');
  const before = await query(`SELECT created_at, inserted_in FROM users
    WHERE workspace_id = 'replacing' AND user_id = 'u1'`);
  const result = await steps.run(workspace, FILE, { mode: 'replace' });
  expect(result).toMatchObject({ state: 'succeeded', counts: COUNTS });
  const u1 = { name: 'Ada L.', city: null, tags: ['new', 'old'], properties: {} };
  expect(await usersOf(workspace)).toEqual([{ id: 'u1', ...u1 }, U2, U3]);
  const after = await query(`SELECT created_at, inserted_in FROM users
    WHERE workspace_id = 'replacing' AND user_id = 'u1'`);
  expect(after).toEqual(before);
});

test('insert does not change existing users', async () => {
  const workspace = await seeded('inserting');
  const before = await stampsOf(workspace);
  const result = await steps.run(workspace, FILE, { mode: 'insert' });
  const counts = { ...COUNTS, merged: 0, skipped: 1 };
  expect(result).toMatchObject({ state: 'succeeded', counts });
  expect((await stampsOf(workspace)).slice(0, 2)).toEqual(before);
  expect((await usersOf(workspace))[2]).toEqual(U3);
});

test.each(['update', 'replace'] as const)(
  'a second import of the same file by %s neither changes nor locks a row',
  async (mode) => {
    const workspace = await seeded(`again-${mode}`);
    await steps.run(workspace, FILE, { mode });
    const before = await stampsOf(workspace);
    const { counts } = await steps.run(workspace, FILE, { mode });
    expect(counts).toEqual({ ...COUNTS, imported: 0, merged: 2, unchanged: 2 });
    expect(await stampsOf(workspace)).toEqual(before);
  },
);

test('only a row that differs in a cell is written again', async () => {
  const workspace = await seeded('differing');
  await steps.run(workspace, FILE);
  const before = await stampsOf(workspace);
  const { counts } = await steps.run(workspace, FILE.replace('3.5', '3.25'));
  expect(counts).toMatchObject({ imported: 0, merged: 2, unchanged: 1 });
  const after = await stampsOf(workspace);
  expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
  expect(after[2].written_in).not.toBe(before[2].written_in);
  expect(after[2].updated_at.getTime()).toBeGreaterThan(before[2].updated_at.getTime());
});

test('of several lines about one user the last line counts, in a chunk and across chunks', async () => {
  const workspace = await seeded('repeating');
  const others = Array.from({ length: 10_000 }, (_, n) => `o-${n},,`).join('\n');
  const file = `userId,firstName,city\nu1,a,a\nu9,b,b\nu1,c,\n${others}\nu9,d,\nu1,e,e\n`;
  const { counts } = await steps.run(workspace, file);
  expect(counts).toMatchObject({ lines: 10_005, imported: 10_001, merged: 4, unchanged: 0 });
  const users = (await usersOf(workspace)).filter(({ id }) => id.startsWith('u'));
  expect(users.map(({ id, name, city }) => [id, name, city])).toEqual([
    ['u1', 'e', 'e'],
    ['u2', 'Bob', 'Oslo'],
    ['u9', 'd', null],
  ]);
});

test('in mode insert, the first of several lines about a new user counts', async () => {
  const workspace = await seeded('first');
  const file = 'userId,firstName\nu9,first\nu1,x\nu9,second\n';
  const { counts } = await steps.run(workspace, file, { mode: 'insert' });
  expect(counts).toMatchObject({ lines: 3, imported: 1, skipped: 2, merged: 0 });
  expect((await usersOf(workspace)).map(({ name }) => name)).toEqual(['Ada', 'Bob', 'first']);
});

test.each(['update', 'replace'] as const)(
  'tags are added to the existing tags by %s, and an empty cell adds no tag',
  async (mode) => {
    const workspace = await seeded(`tags-${mode}`);
    const file = 'userId,tags\nu1,new;old;new\nu2,\nu3,b;a\nu1,more\nu3,\n';
    const { counts } = await steps.run(workspace, file, { mode, mergeTags: true });
    expect(counts).toMatchObject({ imported: 1, merged: 4, unchanged: mode === 'update' ? 2 : 1 });
    expect((await usersOf(workspace)).map(({ tags }) => tags)).toEqual([
      ['old', 'new', 'more'],
      null,
      ['b', 'a'],
    ]);
    const before = await stampsOf(workspace);
    await steps.run(workspace, file, { mode, mergeTags: true });
    expect(await stampsOf(workspace)).toEqual(before);
  },
);

const many = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => `t${from + n}`).join(';');

test('a line that would give a user more than 100 tags fails, and the lines around it do not', async () => {
  const workspace = await seeded('overfull');
  const file = `userId,tags\nu1,${many(0, 60)}\nu1,${many(60, 60)}\nu1,last\nu2,a\nu7,${many(0, 99)}\nu7,x;y\nu7,z\n`;
  const { jobId, counts } = await steps.run(workspace, file, { mergeTags: true });
  expect(counts).toMatchObject({ lines: 7, imported: 1, merged: 4, failed: 2 });
  const failed = await failuresOf(database(), jobId);
  expect(failed.map(({ line, code }) => [line, code])).toEqual([
    [3, 'invalidDataType'],
    [7, 'invalidDataType'],
  ]);
  const [u1, , u7] = await usersOf(workspace);
  expect([u1.tags.length, u1.tags.at(-1), u7.tags.length, u7.tags.at(-1)]).toEqual([
    62,
    'last',
    100,
    'z',
  ]);
});

test('every type of value is stored as the API stores it, whatever characters it has', async () => {
  const workspace = await workspaceOf('valued');
  const hostile = `tab\t back\\slash "quote" 'single' \\N {a,b} ,;\r\nNULL`;
  const cell = `"${hostile.replaceAll('"', '""')}"`;
  const names = ['boolean', 'date', 'datetime', 'email', 'list', 'number', 'string', 'time', 'url'];
  const header = [
    'userId',
    'firstName',
    'dob',
    'emailOptin',
    'tags',
    ...names.map((n) => `properties.${n}`),
  ];
  const values = [
    cell,
    cell,
    '2000-02-29',
    'TRUE',
    '"a\\b;{""c"";NULL"',
    'false',
    '2024-01-31',
    '2024-01-31T10:00:00+02:00',
  ];
  const more = [
    'a@b.example',
    '"x\\n;y,""z"""',
    '-1.5e-3',
    cell,
    '09:30',
    'https://e.example/?a=1;2',
  ];
  await steps.run(workspace, `${header.join()}\n${[...values, ...more].join()}\n`, {
    mode: 'replace',
  });
  const [user] = await query(`SELECT user_id, first_name, dob::text, email_optin, tags, properties
    FROM users WHERE workspace_id = 'valued'`);
  expect(user).toEqual({
    user_id: hostile,
    first_name: hostile,
    dob: '2000-02-29',
    email_optin: true,
    tags: ['a\\b', '{"c"', 'NULL'],
    properties: {
      boolean: false,
      date: '2024-01-31',
      datetime: '2024-01-31T08:00:00.000000Z',
      email: 'a@b.example',
      list: ['x\\n', 'y,"z"'],
      number: -0.0015,
      string: hostile,
      time: '09:30:00',
      url: 'https://e.example/?a=1;2',
    },
  });
});

test('a dry run writes no user, and has the same counts as the import', async () => {
  const workspace = await seeded('dry');
  const others = Array.from({ length: 10_000 }, (_, n) => `o-${n},x,,`).join('\n');
  const file = `${FILE}${others}\nu3,again,,\nu1,Ada L.,new;old,\nu4,Dee,,no number\n`;
  const before = await stampsOf(workspace);
  const dry = await steps.run(workspace, file, { dryRun: true });
  expect(await stampsOf(workspace)).toEqual(before);
  expect(dry.counts).toMatchObject({ lines: 10_005, imported: 10_001, merged: 3, failed: 1 });
  expect(await failuresOf(database(), dry.jobId)).toHaveLength(1);
  expect(dry.counts).toEqual((await steps.run(workspace, file)).counts);
});

test('a dry run that starts again still knows the users that earlier chunks would have created', async () => {
  const workspace = await workspaceOf('dry-again');
  const lines = Array.from({ length: 10_001 }, (_, n) => `o-${n % 10_000}`).join('\n');
  const jobId = await steps.start(workspace, `userId\n${lines}\n`, { dryRun: true });
  await steps.check(jobId);
  await steps.import(jobId);
  await query('DELETE FROM import_chunks WHERE job_id = $1 AND chunk = 2', [jobId]);
  await steps.import(jobId);
  const { counts } = await steps.finish(jobId);
  expect(counts).toMatchObject({ imported: 10_000, merged: 1 });
});

test('invalid lines are recorded unchanged, and the other lines are imported', async () => {
  const workspace = await seeded('failing');
  const file = 'userId,dob,properties.number\n,,1\nu3,31.1.2024,a\nu4,2024-01-31\nu5,,7\n';
  const { jobId, ...result } = await steps.run(workspace, file);
  expect(result).toMatchObject({ state: 'partiallySucceeded', failures: 3 });
  expect(result.counts).toMatchObject({ lines: 4, imported: 1, failed: 3 });
  const failed = await failuresOf(database(), jobId);
  expect(failed.map(({ line, payload, code }) => [line, payload, code])).toEqual([
    [2, ',,1', 'propertyRequired'],
    [3, 'u3,31.1.2024,a', 'invalidDataType'],
    [4, 'u4,2024-01-31', 'wrongCellCount'],
  ]);
});

test('an import fails if none of its lines is valid', async () => {
  const workspace = await seeded('hopeless');
  const result = await steps.run(workspace, 'userId,dob\nu3,x\nu4,y\n');
  expect(result).toMatchObject({ state: 'failed', error: { type: 'everyLineFailed' } });
  expect(await steps.run(workspace, 'userId\n')).toMatchObject({
    state: 'succeeded',
    counts: { lines: 0 },
  });
});

test.each([
  ['a quote that never ends', 'userId,city\nu3,x\nu4,"y\n', 'invalidCsv'],
  ['bytes that are no text', Buffer.from([...Buffer.from('userId\nu3\n'), 0xff, 0x0a]), 'notUtf8'],
  ['a column nobody knows', 'userId,shoeSize\nu3,44\n', 'invalidHeader'],
])('a file with %s fails before any user is written', async (what, content, type) => {
  const workspace = await workspaceOf(`broken-${what.length}`);
  const jobId = await steps.start(workspace, content);
  const error: unknown = await steps.check(jobId).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ type });
  expect(toFailure(error).message).toMatch(/Nothing was imported\.$/);
  expect(await usersOf(workspace)).toEqual([]);
});

test('the error of a file that is invalid after some lines states how many lines were imported', async () => {
  const workspace = await workspaceOf('broken-late');
  const lines = Array.from({ length: MAX_CHUNK_LINES + 10 }, (_, n) => `u${n}`).join('\n');
  const content = `userId\n${lines}\n"`;
  const jobId = await steps.start(workspace, content);
  await expect(steps.import(jobId)).rejects.toMatchObject({
    type: 'invalidCsv',
    message: expect.stringMatching(
      /^Line 5012: .* 5000 lines before this line were imported and remain imported\.$/,
    ),
  });
  const dryRun = await steps.start(workspace, content, { dryRun: true });
  await expect(steps.import(dryRun)).rejects.toMatchObject({
    message: expect.stringMatching(/Nothing was imported\.$/),
  });
});
