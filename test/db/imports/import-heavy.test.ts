import { expect, test } from 'vitest';
import { Readable } from 'node:stream';
import { createCheckImport } from '../../../activities/imports/check-import.ts';
import { createImportThreads } from '../../../activities/imports/import-threads.ts';
import { createImportUsers } from '../../../activities/imports/import-users.ts';
import { enterPhase } from '../../../db/jobs/job-runs.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedTypedWorkspace } from '../../support/steps/export.ts';
import { longestTurnShare } from '../../support/stack/longest-turn.ts';
import { failuresOf, UPDATE, useImportSteps } from '../../support/steps/import.ts';

const database = useDatabase();
const steps = useImportSteps(database);

/** Lines that take a reader several seconds. */
const HEAVY: [string, string][] = [
  ['blank lines', `userId\n1\n${'\n'.repeat(4_000_000)}`],
  ['lines of other cells', `userId,city\n${'1\n'.repeat(1_000_000)}`],
  ['lines of many cells', `userId\n${`${','.repeat(900_000)}x\n`.repeat(12)}`],
];

/**
 * In the thread of the workflows, each of these files would take one turn for nearly all of its
 * time.
 */
const MAX_TURN_SHARE = 0.5;

test.each(HEAVY)(
  'the check of a file of %s does not block other work, and can be cancelled',
  async (what, content) => {
    const workspace = await seedTypedWorkspace(database(), `check-${what.length}`);
    const check = async () => {
      const jobId = await steps.start(workspace, content);
      await enterPhase(database().app.db, jobId, 'checking');
      const stop = new AbortController();
      const checking = createCheckImport(steps.deps)({ jobId }, stop.signal);
      setTimeout(() => stop.abort(new Error('cancelled')), 1_500);
      await expect(checking).rejects.toThrow('cancelled');
    };
    expect(await longestTurnShare(check, MAX_TURN_SHARE)).toBeLessThan(MAX_TURN_SHARE);
  },
);

test('the import of a file whose lines have a wrong number of cells does not block other work', async () => {
  const workspace = await seedTypedWorkspace(database(), 'others');
  let users = 0;
  const importOne = async () => {
    users += 1;
    const file = `userId,city\n${'1\n'.repeat(20_000)}u-${users},Rome\n`;
    const jobId = await steps.start(workspace, file);
    await enterPhase(database().app.db, jobId, 'importing');
    const importing = createImportUsers(steps.deps)({ jobId }, new AbortController().signal);
    expect(await importing).toEqual({ imported: 1, merged: 0 });
    expect(await failuresOf(database(), jobId)).toHaveLength(20_000);
  };
  expect(await longestTurnShare(importOne, MAX_TURN_SHARE)).toBeLessThan(MAX_TURN_SHARE);
});

test('a file whose storage stops sending data is abandoned when its job is cancelled', async () => {
  const stop = new AbortController();
  const threads = createImportThreads();
  const task = {
    kind: 'count',
    types: new Map(),
    job: { options: UPDATE },
  } as const;
  const silent = new Readable({ read: () => {} });
  silent.push('userId\n');
  const read = threads.read(task, silent, stop.signal);
  setTimeout(() => stop.abort(new Error('cancelled')), 1_000);
  await expect(read.results.next()).rejects.toThrow('cancelled');
  await read.close();
  await threads.close();
});

test('several files can be imported at the same time', async () => {
  const workspace = await seedTypedWorkspace(database(), 'several');
  const results = await Promise.all(
    Array.from({ length: 5 }, (_, n) =>
      steps.run(workspace, `userId,city\nu-${n},Rome\nu-${n}-x\n`, { mode: 'insert' }),
    ),
  );
  for (const { counts } of results) expect(counts).toMatchObject({ imported: 1, failed: 1 });
});
