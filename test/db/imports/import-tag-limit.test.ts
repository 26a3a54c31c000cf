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
/** Line by line, the first of these files took more than 7 minutes. */
const MAX_MS = 20_000;

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
  'a chunk of lines over the limit of tags takes seconds: %s',
  async (what, lineOf, counts) => {
    const workspace = await seeded(what.replace(/\W+/g, '-'));
    const lines = Array.from({ length: LINES }, (_, n) => lineOf(n));
    const file = `userId,tags\n${lines.join('\n')}\n`;
    for (const dryRun of [true, false]) {
      const begin = performance.now();
      const result = await steps.run(workspace, file, { mergeTags: true, dryRun });
      expect(performance.now() - begin).toBeLessThan(MAX_MS);
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
  'which lines the limit refuses is what they come to one by one, seed %i',
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
  60_000,
);
