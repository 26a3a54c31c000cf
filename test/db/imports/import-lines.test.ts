import { expect, test } from 'vitest';
import { MAX_CHUNK_LINES } from '../../../imports/read-chunks.ts';
import type { ImportMode } from '../../../imports/options.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedTypedWorkspace } from '../../support/steps/export.ts';
import { useImportSteps, failuresOf } from '../../support/steps/import.ts';

const database = useDatabase();
const steps = useImportSteps(database);

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

/** A workspace with two users, `old` and `other`. */
const seeded = async (id: string) => {
  const workspace = await seedTypedWorkspace(database(), id);
  await query(
    `INSERT INTO users (workspace_id, user_id, first_name, tags, properties) VALUES
      ($1, 'old', 'Ada', '{a}', '{"number": 1, "list": ["x"]}'), ($1, 'other', 'Bob', NULL, '{}')`,
    [id],
  );
  return workspace;
};

const usersOf = (id: string) =>
  query(
    `SELECT user_id, first_name, tags, properties FROM users
      WHERE workspace_id = $1 AND user_id NOT LIKE 'f-%' ORDER BY user_id`,
    [id],
  );

const HEADER = 'userId,firstName,tags,properties.number,properties.list';
const LINES = [
  'old,Ada,a,1,x',
  'new,Cy,,2.50,',
  'old,Eve,a,1,x',
  'new,Cy,,2.5,',
  'old,Ada,a,1,x',
  'old,Ada,a,1.0,x',
  'other,Bob,,,',
  'new,Cy,,2.5,y',
  'old,Ada,b,1,x',
  'old,Ada,a,1,x',
  'new,Cy,c;c,2.5,y',
  'new,Cy,c,2.5,y',
];

const fileOf = (lines: readonly string[], isSpread: boolean): string => {
  // So many other lines are in between that each line is in a different chunk.
  const others = (n: number) =>
    isSpread ? Array.from({ length: MAX_CHUNK_LINES }, (_, i) => `f-${n}-${i},,,,`) : [];
  return `${[HEADER, ...lines.flatMap((line, n) => [line, ...others(n)])].join('\n')}\n`;
};

const EXPECTED: Record<Exclude<ImportMode, 'updateOnly'>, [merging: object, replacing: object]> = {
  update: [
    { imported: 1, merged: 11, unchanged: 6 },
    { imported: 1, merged: 11, unchanged: 4 },
  ],
  replace: [
    { imported: 1, merged: 11, unchanged: 6 },
    { imported: 1, merged: 11, unchanged: 4 },
  ],
  insert: [
    { imported: 1, merged: 0, unchanged: 0, skipped: 11 },
    { imported: 1, merged: 0, unchanged: 0, skipped: 11 },
  ],
};

test.each([
  ['update', true],
  ['update', false],
  ['replace', true],
  ['replace', false],
  ['insert', false],
] as const)(
  'lines have the same counts in one chunk, in many and in a dry run, by %s with mergeTags %s',
  async (mode, mergeTags) => {
    const options = { mode, mergeTags };
    const [merging, replacing] = EXPECTED[mode];
    const together = await seeded(`together-${mode}-${mergeTags}`);
    const apart = await seeded(`apart-${mode}-${mergeTags}`);
    const dry = await steps.run(together, fileOf(LINES, false), { ...options, dryRun: true });
    const { counts } = await steps.run(together, fileOf(LINES, false), options);
    expect(counts).toMatchObject(mergeTags ? merging : replacing);
    expect(dry.counts).toEqual(counts);
    const spread = fileOf(LINES, true);
    const dryApart = await steps.run(apart, spread, { ...options, dryRun: true });
    const { counts: whole } = await steps.run(apart, spread, options);
    expect(dryApart.counts).toEqual(whole);
    const others = LINES.length * MAX_CHUNK_LINES;
    const { lines = 0, imported = 0 } = whole;
    expect({ ...whole, lines: lines - others, imported: imported - others }).toEqual(counts);
    expect(await usersOf(apart.workspaceId)).toEqual(await usersOf(together.workspaceId));
  },
);

const tags = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => `t${from + n}`).join(';');

test.each([
  ['new', [tags(0, 60), tags(60, 60), tags(60, 40), 'last', tags(0, 100)]],
  ['old', [tags(0, 60), tags(60, 60), tags(60, 39), 'last', `a;${tags(0, 99)}`]],
])(
  'lines of one user (%s) never leave over 100 tags, in one chunk, in many or in a dry run',
  async (userId, cells) => {
    const lines = cells.map((cell) => `${userId},,${cell},,`);
    for (const isSpread of [false, true]) {
      const workspace = await seeded(`limit-${userId}-${isSpread}`);
      const file = fileOf(lines, isSpread);
      const dry = await steps.run(workspace, file, { mergeTags: true, dryRun: true });
      const { jobId, counts } = await steps.run(workspace, file, { mergeTags: true });
      expect(dry.counts).toEqual(counts);
      expect(counts).toMatchObject({ failed: 2, unchanged: 1 });
      const failed = await failuresOf(database(), jobId);
      expect(failed).toHaveLength(2);
      for (const { code, message } of failed) {
        expect([code, message]).toEqual(['invalidDataType', expect.stringContaining('than 100')]);
      }
      expect(await failuresOf(database(), dry.jobId)).toEqual(failed);
      const [user] = await query(
        'SELECT cardinality(tags) AS n FROM users WHERE workspace_id = $1 AND user_id = $2',
        [workspace.workspaceId, userId],
      );
      expect(user).toEqual({ n: 100 });
    }
  },
);

test('for a user with more than 100 tags, only lines that add a tag fail', async () => {
  const workspace = await seeded('many-tags');
  await query(`UPDATE users SET tags = ARRAY(SELECT 't' || n FROM generate_series(1, 120) AS n)
                WHERE workspace_id = 'many-tags' AND user_id = 'old'`);
  const file = fileOf(['old,,,,', 'old,,t1;t2,,', 'old,,new,,'], false);
  const { jobId, counts } = await steps.run(workspace, file, { mergeTags: true });
  expect(counts).toMatchObject({ merged: 2, failed: 1 });
  expect(await failuresOf(database(), jobId)).toHaveLength(1);
});

test('a dry run of lines over the limit of tags writes no user', async () => {
  const workspace = await seeded('dry-limit');
  const before = await query(
    `SELECT user_id, xmin, ctid FROM users WHERE workspace_id = 'dry-limit'`,
  );
  const file = fileOf([`x,,${tags(0, 60)},,`, `x,,${tags(60, 60)},,`], false);
  const { counts } = await steps.run(workspace, file, { mergeTags: true, dryRun: true });
  expect(counts).toMatchObject({ imported: 1, failed: 1 });
  expect(
    await query(`SELECT user_id, xmin, ctid FROM users WHERE workspace_id = 'dry-limit'`),
  ).toEqual(before);
});

test('an import whose file nobody has read has failed, also if its steps are marked as done', async () => {
  const workspace = await seeded('unread');
  const jobId = await steps.start(workspace, fileOf(['old,Ada,a,1,x'], false));
  expect(await steps.finish(jobId)).toMatchObject({
    state: 'failed',
    error: { type: 'sumsDoNotClose', message: expect.stringMatching(/^unknown lines/) as string },
  });
});
