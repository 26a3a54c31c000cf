import { expect, test } from 'vitest';
import { listProblems } from '../../../db/imports/import-tallies.ts';
import { MAX_CHUNK_LINES } from '../../../imports/read-chunks.ts';
import { useDatabase } from '../../support/database/database.ts';
import { seedTypedWorkspace } from '../../support/steps/export.ts';
import { useImportSteps } from '../../support/steps/import.ts';

const database = useDatabase();
const steps = useImportSteps(database);

const problemsOf = async (jobId: string) =>
  (await listProblems(database().api.db, [jobId])).get(jobId) ?? [];

const FILE = [
  'userId,email,phone,properties.number,properties.date,firstName',
  '1,no-address,+,one,x,ok',
  '2,a\u200Bb@x.example,123456,1,2024-01-01,ok',
  `3,,,,,${'x'.repeat(256)}`,
  ',,,,,',
  ',a@x.example,,,,',
  '4,none,,,,',
  '5,,',
  'held,,,,,',
];

test('problems are counted by property and rule, with their first line', async () => {
  const workspace = await seedTypedWorkspace(database(), 'rules');
  await database().owner.pool.query(
    `INSERT INTO users (workspace_id, user_id, legal_hold) VALUES ('rules', 'held', true)`,
  );
  const { jobId, counts } = await steps.run(workspace, `${FILE.join('\n')}\n`);
  expect(counts).toMatchObject({ lines: 7, failed: 6, held: 1 });
  expect(await problemsOf(jobId)).toEqual([
    { column: 'email', rule: 'mailAddress', count: 2, firstLine: 2 },
    { column: 'phone', rule: 'phone', count: 1, firstLine: 2 },
    { column: 'properties.date', rule: 'date', count: 1, firstLine: 2 },
    { column: 'properties.number', rule: 'number', count: 1, firstLine: 2 },
    { column: 'email', rule: 'invisibleCharacter', count: 1, firstLine: 3 },
    { column: 'firstName', rule: 'tooLong', count: 1, firstLine: 4 },
    { column: 'userId', rule: 'required', count: 1, firstLine: 6 },
    { column: null, rule: 'cellCount', count: 1, firstLine: 8 },
    { column: null, rule: 'held', count: 1, firstLine: 9 },
  ]);
});

test('the counts grow with each chunk, and a repeated chunk counts once, also in a dry run', async () => {
  for (const dryRun of [false, true]) {
    const workspace = await seedTypedWorkspace(database(), `grow-${dryRun}`);
    const lines = Array.from(
      { length: 2 * MAX_CHUNK_LINES },
      (_, n) => `${n},${n % 2 ? '' : 'no'}\n`,
    );
    const jobId = await steps.start(workspace, `userId,email\n${lines.join('')}`, { dryRun });
    await steps.check(jobId);
    const { crashPoint } = steps.deps;
    let seen: Promise<unknown> | undefined;
    let chunks = 0;
    steps.deps.crashPoint = (point) => {
      if (point !== 'import:chunk-committed') return;
      chunks += 1;
      seen ??= problemsOf(jobId);
      if (chunks === 1) throw new Error('the worker dies');
    };
    await expect(steps.import(jobId)).rejects.toThrow('the worker dies');
    steps.deps.crashPoint = crashPoint;
    const half = { column: 'email', rule: 'mailAddress', count: MAX_CHUNK_LINES / 2, firstLine: 2 };
    expect(await seen).toEqual([half]);
    await steps.import(jobId);
    expect(await problemsOf(jobId)).toEqual([{ ...half, count: MAX_CHUNK_LINES }]);
  }
});

test('a dry run that starts again reports the same lines, even if users have changed', async () => {
  const workspace = await seedTypedWorkspace(database(), 'dry-again');
  await steps.run(workspace, 'userId,city\na,Rome\nb,Rome\n');
  const jobId = await steps.start(workspace, 'userId,city\na,Pune\nb,Pune\n', { dryRun: true });
  await steps.check(jobId);
  const { crashPoint } = steps.deps;
  steps.deps.crashPoint = (point) => {
    if (point === 'import:chunk-committed') throw new Error('the worker dies');
  };
  await expect(steps.import(jobId)).rejects.toThrow('the worker dies');
  steps.deps.crashPoint = crashPoint;
  await database().owner.pool.query(
    `UPDATE users SET legal_hold = true WHERE workspace_id = 'dry-again' AND user_id = 'a'`,
  );
  await steps.import(jobId);
  expect(await steps.finish(jobId)).toMatchObject({
    state: 'succeeded',
    counts: { lines: 2, merged: 2, held: 0, failed: 0 },
  });
});
