import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { seedTypedWorkspace } from '../../support/steps/export.ts';
import { failuresOf, useImportSteps } from '../../support/steps/import.ts';

/** Thousands of lines that the limit of 100 tags refuses, among other lines. */

const database = useDatabase();
const steps = useImportSteps(database);

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const tags = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => `t${from + n}`).join(';');

const USERS: Record<string, string> = {
  old: tags(0, 99),
  full: tags(0, 100),
  many: tags(0, 120),
  held: tags(0, 50),
};

const seeded = async (id: string) => {
  const workspace = await seedTypedWorkspace(database(), id);
  for (const [userId, cell] of Object.entries(USERS)) {
    await query(
      `INSERT INTO users (workspace_id, user_id, legal_hold, tags) VALUES ($1, $2, $3, $4)`,
      [id, userId, userId === 'held', cell.split(';')],
    );
  }
  return workspace;
};

const LINES = 5_000;
/** A statement for each line would be thousands. */
const MAX_STATEMENTS = 60;

/** Counts the statements of an import. */
const countStatements = (): (() => number) => {
  const { deps } = steps;
  const { lanes } = deps;
  let count = 0;
  const connect = async () => {
    const client = await lanes.connect();
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    return Object.assign(client, {
      query: (...args: unknown[]) => {
        count += 1;
        return query(...args);
      },
    });
  };
  deps.lanes = new Proxy(lanes, {
    get: (pool, key) => (key === 'connect' ? connect : Reflect.get(pool, key, pool)),
  });
  return () => {
    deps.lanes = lanes;
    return count;
  };
};

test.each<[string, (n: number) => string, object]>([
  ['a new user', (n) => `new,${tags(100 * n, 100)}`, { imported: 1, failed: LINES - 1 }],
  ['a full user', (n) => `full,x${n}`, { merged: 0, failed: LINES }],
  [
    'a full user, every other line known',
    (n) => `full,${n % 2 === 0 ? `x${n}` : 't1'}`,
    { merged: LINES / 2, failed: LINES / 2 },
  ],
  ['a user of more tags', (n) => `many,${tags(n % 120, 1)}`, { merged: LINES, failed: 0 }],
  [
    'many users',
    (n) => `new-${n % 2_500},${tags(100 * n, 100)}`,
    { imported: LINES / 2, failed: LINES / 2 },
  ],
])(
  'a chunk of lines over the limit of tags takes few statements: %s',
  async (what, lineOf, counts) => {
    const workspace = await seeded(what.replace(/\W+/g, '-'));
    const lines = Array.from({ length: LINES }, (_, n) => lineOf(n));
    const file = `userId,tags\n${lines.join('\n')}\n`;
    for (const dryRun of [true, false]) {
      const counted = countStatements();
      const result = await steps.run(workspace, file, { mergeTags: true, dryRun });
      expect(counted()).toBeLessThan(MAX_STATEMENTS);
      expect(result.counts).toMatchObject(counts);
    }
  },
  600_000,
);

interface Expected {
  overfull: number[];
  users: Record<string, string[]>;
}

/** The results of the lines one by one, without the lines that the database refuses. */
const expected = (lines: readonly (readonly [string, string])[], refused: string): Expected => {
  const users: Record<string, string[]> = {};
  for (const [userId, cell] of Object.entries(USERS)) users[userId] = cell.split(';');
  const overfull: number[] = [];
  for (const [index, [userId, cell]] of lines.entries()) {
    if (userId === 'held' || userId === refused) continue;
    const before = users[userId] ?? [];
    const after = [...new Set([...before, ...cell.split(';').filter((tag) => tag !== '')])];
    if (after.length > Math.max(100, before.length)) overfull.push(index + 2);
    else users[userId] = after;
  }
  return { overfull, users };
};

/** The same numbers each time. */
const createRandom = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
};

test.each([1, 2, 3, 4, 5, 6])(
  'the limit refuses the same lines as if they were imported one by one, seed %i',
  async (seed) => {
    const random = createRandom(seed);
    const ids = ['old', 'full', 'many', 'held', 'new', 'newer', 'bad'];
    const lines = Array.from({ length: 60 }, () => {
      const cell = random(6) === 0 ? '' : tags(random(130), 1 + random(random(2) === 0 ? 3 : 60));
      return [ids[random(ids.length)] ?? '', cell] as const;
    });
    const file = `userId,tags\n${lines.map((line) => line.join()).join('\n')}\n`;
    for (const isRefused of [false, true]) {
      const id = `seed-${seed}-${isRefused}`;
      const workspace = await seeded(id);
      const refuse = `ALTER TABLE users ADD CONSTRAINT no_bad CHECK (user_id <> 'bad') NOT VALID`;
      const dry = await steps.run(workspace, file, { mergeTags: true, dryRun: true });
      if (isRefused) await query(refuse);
      const { jobId, counts } = await steps.run(workspace, file, { mergeTags: true });
      if (isRefused) await query('ALTER TABLE users DROP CONSTRAINT no_bad');
      const { lines: dryLines, ...dryCounts } = dry.counts;
      expect(counts.lines).toBe(dryLines);
      expect(isRefused ? dryCounts : counts).toMatchObject(dryCounts);
      const { overfull, users } = expected(lines, isRefused ? 'bad' : '');
      const failed = await failuresOf(database(), jobId);
      const linesWith = (wanted: string) =>
        failed.filter(({ code }) => code === wanted).map(({ line }) => line);
      expect(linesWith('invalidDataType')).toEqual(overfull);
      const linesOf = (userId: string) =>
        lines.flatMap(([given], index) => (given === userId ? [index + 2] : []));
      expect(linesWith('held')).toEqual(linesOf('held'));
      expect(linesWith('rejected')).toEqual(isRefused ? linesOf('bad') : []);
      const rows = await query('SELECT user_id, tags FROM users WHERE workspace_id = $1', [id]);
      expect(Object.fromEntries(rows.map((row) => [row.user_id, row.tags ?? []]))).toEqual(users);
    }
  },
);

test('an import does not change another table with the name of its staging table', async () => {
  const { pool } = database().owner;
  await pool.query(`CREATE TABLE public.import_staging AS SELECT 1 AS n;
    GRANT ALL ON public.import_staging TO keepsake_app`);
  const workspace = await seedTypedWorkspace(database(), 'namesake');
  const tags = Array.from({ length: 60 }, (_, n) => n);
  const line = (from: string) => `u-1,${tags.map((n) => `${from}${n}`).join(';')}`;
  const content = `userId,tags\n${line('a')}\n${line('b')}\n`;
  const { counts } = await steps.run(workspace, content, { mergeTags: true });
  expect(counts).toMatchObject({ imported: 1, failed: 1 });
  expect((await pool.query('SELECT n FROM public.import_staging')).rows).toEqual([{ n: 1 }]);
  await pool.query('DROP TABLE public.import_staging');
});
