import { beforeAll, expect, test } from 'vitest';
import { createCheckImport } from '../../activities/check-import.ts';
import { createImportUsers } from '../../activities/import-users.ts';
import { enterPhase } from '../../db/job-runs.ts';
import { useDatabase } from '../support/database.ts';
import { seedTypedWorkspace } from '../support/export.ts';
import { createImportSteps, failuresOf, type ImportSteps } from '../support/import.ts';

const database = useDatabase();
let steps: ImportSteps;

beforeAll(async () => {
  steps = await createImportSteps(database());
});

/** Lines that keep a reader busy for seconds. */
const HEAVY: [string, string][] = [
  ['blank lines', `userId\n1\n${'\n'.repeat(4_000_000)}`],
  ['lines of other cells', `userId,city\n${'1\n'.repeat(1_000_000)}`],
  ['lines of many cells', `userId\n${`${','.repeat(900_000)}x\n`.repeat(12)}`],
];

/** The longest time in which nothing else came to its turn while something was done. */
const longestTurn = async (work: Promise<unknown>): Promise<number> => {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  await work.catch(() => {});
  clearInterval(timer);
  return longest;
};

test.each(HEAVY)(
  'a file of %s that is checked stops nobody, and is cancelled at once',
  async (what, content) => {
    const workspace = await seedTypedWorkspace(database(), `check-${what.length}`);
    const jobId = await steps.start(workspace, content);
    await enterPhase(database().app.db, jobId, 'checking');
    const stop = new AbortController();
    const checking = createCheckImport(steps.deps)({ jobId }, stop.signal);
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = performance.now();
      stop.abort(new Error('cancelled'));
    }, 1_500);
    expect(await longestTurn(checking)).toBeLessThan(500);
    await expect(checking).rejects.toThrow('cancelled');
    expect(performance.now() - abortedAt).toBeLessThan(1_000);
  },
);

test('a file whose lines have other cells is imported while others go on', async () => {
  const workspace = await seedTypedWorkspace(database(), 'others');
  const jobId = await steps.start(workspace, `userId,city\n${'1\n'.repeat(20_000)}2,Rome\n`);
  await enterPhase(database().app.db, jobId, 'importing');
  const importing = createImportUsers(steps.deps)({ jobId }, new AbortController().signal);
  expect(await longestTurn(importing)).toBeLessThan(500);
  expect(await importing).toEqual({ imported: 1, merged: 0 });
  expect(await failuresOf(database(), jobId)).toHaveLength(20_000);
});

test('several files are read at the same time, and threads are used again', async () => {
  const workspace = await seedTypedWorkspace(database(), 'several');
  const results = await Promise.all(
    Array.from({ length: 5 }, (_, n) =>
      steps.run(workspace, `userId,city\nu-${n},Rome\nu-${n}-x\n`, { mode: 'insert' }),
    ),
  );
  for (const { counts } of results) expect(counts).toMatchObject({ imported: 1, failed: 1 });
});
