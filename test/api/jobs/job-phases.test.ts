import { uuidv7 } from 'uuidv7';
import { beforeAll, expect, test } from 'vitest';
import { enterPhase, claimJob, finishJob } from '../../../db/jobs/job-runs.ts';
import type { JobType } from '../../../workflows/contracts/jobs.ts';
import { createDeletionSteps, type DeletionSteps } from '../../support/steps/deletion.ts';
import { upload } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();
let steps: DeletionSteps;

const IMPORTED = { merged: 0, unchanged: 0, skipped: 0, held: 0, failed: 0, partial: 0 };
const RESTORED = { restored: 0, present: 0, notFound: 0, failed: 0 };

interface PhaseJson {
  phase: string;
  pass: number;
  startedAt: string;
  finishedAt: string | null;
  total: number | null;
  processed: number;
}

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const phasesOf = async (jobId: string): Promise<PhaseJson[]> =>
  (await api().call('GET', `/v1/jobs/${jobId}`)).body.phases;

/** Phase, pass, total and processed of each phase. */
const figuresOf = async (jobId: string) =>
  (await phasesOf(jobId)).map(({ phase, pass, total, processed }) => [
    phase,
    pass,
    total,
    processed,
  ]);

const addImport = async (total: number | null): Promise<string> => {
  const { id } = (await upload(api())).body;
  await query(`UPDATE jobs SET state = 'running', total = $2 WHERE id = $1`, [id, total]);
  return id;
};

const addJob = async (type: JobType, total: number | null): Promise<string> => {
  const id = uuidv7();
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, total)
     VALUES ($1, 'one', $2, 'running', '{"type":"ids","count":1}', $3, $4)`,
    [id, type, api().keyIds.one, total],
  );
  return id;
};

const enter = (jobId: string, phase: string, pass?: number) =>
  enterPhase(api().database.worker.db, jobId, phase, pass);

const end = (jobId: string, type: JobType, counts: Record<string, number>) =>
  finishJob(api().database.worker.db, {
    jobId,
    workspaceId: 'one',
    type,
    result: { state: 'cancelled', failures: 0 },
    counts,
  });

/** Each phase begins as the one before it ends, and only the last one may be open. */
const expectGapless = (phases: readonly PhaseJson[], isEnded: boolean): void => {
  for (const [index, { startedAt, finishedAt }] of phases.entries()) {
    const next = phases[index + 1];
    if (next !== undefined) expect(finishedAt).toBe(next.startedAt);
    else expect(finishedAt === null).toBe(!isEnded);
    if (finishedAt !== null) expect(finishedAt >= startedAt).toBe(true);
  }
};

beforeAll(async () => {
  steps = await createDeletionSteps(api().database);
});

test('a deletion of two passes shows each phase of each pass with its users and times', async () => {
  await api().addUsers('one', 20, 'two-passes');
  const selection = { type: 'query', q: 'two-passes' };
  const preview = await api().call('POST', '/v1/deletion-previews', { body: { selection } });
  const started = await api().call('POST', '/v1/deletions', {
    body: { previewId: preview.body.id, confirm: { count: 20 }, reason: 'r' },
  });
  const { id } = started.body;
  expect(started.body.phases).toEqual([]);
  await claimJob(steps.deps.database.db, id, 'test-run');

  await steps.enter(id, 'backingUp', 1);
  expect(await figuresOf(id)).toEqual([['backingUp', 1, 20, 0]]);
  const backup = await steps.backUp(id);
  await steps.enter(id, 'verifyingBackup', 1);
  await query(`UPDATE users SET city = 'Pune' WHERE user_id < 'two-passes-00003'`);
  await steps.remove(id, backup.exportId);
  expect(await figuresOf(id)).toEqual([
    ['backingUp', 1, 20, 20],
    ['verifyingBackup', 1, 20, 20],
    ['deleting', 1, 20, 20],
  ]);
  await steps.settle(id, 1);
  const second = await steps.backUp(id, 2);
  await steps.enter(id, 'verifyingBackup', 2);
  expectGapless(await phasesOf(id), false);
  await steps.remove(id, second.exportId);
  await steps.settle(id, 2);
  await steps.finish({ jobId: id, end: { kind: 'completed' } });

  const phases = await phasesOf(id);
  expectGapless(phases, true);
  expect(await figuresOf(id)).toEqual([
    ['backingUp', 1, 20, 20],
    ['verifyingBackup', 1, 20, 20],
    ['deleting', 1, 20, 20],
    ['settling', 1, 20, 20],
    ['backingUp', 2, 3, 3],
    ['verifyingBackup', 2, 3, 3],
    ['deleting', 2, 3, 3],
    ['settling', 2, 3, 3],
  ]);
  const { body: job } = await api().call('GET', `/v1/jobs/${id}`);
  expect(phases.at(-1)?.finishedAt).toBe(job.finishedAt);
  const listed = await api().call('GET', '/v1/jobs?type=deletion');
  expect(listed.body.data[0].phases).toEqual(phases);
});

test('a step that is retried continues its phase, at its first time', async () => {
  const id = await addJob('deletion', 5);
  await enter(id, 'backingUp', 1);
  const [first] = await phasesOf(id);
  for (let retry = 0; retry < 3; retry++) await enter(id, 'backingUp', 1);
  expect(await phasesOf(id)).toEqual([first]);
  await enter(id, 'verifyingBackup', 1);
  await enter(id, 'verifyingBackup', 1);
  expect((await phasesOf(id)).map(({ phase }) => phase)).toEqual(['backingUp', 'verifyingBackup']);
});

test('after a reset, a phase is continued and the later ones begin again, without a second entry', async () => {
  const id = await addJob('deletion', 5);
  for (const phase of ['backingUp', 'verifyingBackup', 'deleting', 'settling']) {
    await enter(id, phase, 1);
  }
  await enter(id, 'backingUp', 2);
  const before = await phasesOf(id);
  await enter(id, 'verifyingBackup', 1);
  const after = await phasesOf(id);
  expect(after.map(({ phase, pass }) => `${phase} ${pass}`)).toEqual([
    'backingUp 1',
    'verifyingBackup 1',
  ]);
  expect(after[1]?.startedAt).toBe(before[1]?.startedAt);
  await enter(id, 'deleting', 1);
  expectGapless(await phasesOf(id), false);
});

test('without a pass, a phase belongs to the pass of the phase before it', async () => {
  const id = await addJob('deletion', 5);
  await enter(id, 'backingUp', 2);
  await enter(id, 'settling');
  expect((await phasesOf(id)).map(({ pass }) => pass)).toEqual([2, 2]);
});

test('the phases of an import have its lines, and a check that was interrupted has no total', async () => {
  const id = await addImport(null);
  await enter(id, 'checking', 1);
  await query('UPDATE jobs SET total = 700 WHERE id = $1', [id]);
  expect(await figuresOf(id)).toEqual([['checking', 1, null, 700]]);
  const stopped = await addImport(300);
  await enter(stopped, 'checking', 1);
  await enter(stopped, 'settling');
  expect((await figuresOf(stopped))[0]).toEqual(['checking', 1, null, 300]);

  await query('UPDATE jobs SET total = 1000 WHERE id = $1', [id]);
  await enter(id, 'importing', 1);
  expect(await figuresOf(id)).toEqual([
    ['checking', 1, 1000, 1000],
    ['importing', 1, 1000, 0],
  ]);
  await enter(id, 'settling');
  await end(id, 'import', { ...IMPORTED, lines: 1000, imported: 400, unprocessed: 600 });
  expect((await figuresOf(id))[1]).toEqual(['importing', 1, 1000, 400]);
});

test('the phases of a restore have its users, also after its end', async () => {
  const id = await addJob('restore', 10);
  await enter(id, 'verifyingBackup', 1);
  await enter(id, 'restoring', 1);
  expect(await figuresOf(id)).toEqual([
    ['verifyingBackup', 1, 10, 10],
    ['restoring', 1, 10, 0],
  ]);
  await enter(id, 'settling');
  await end(id, 'restore', { ...RESTORED, selected: 10, restored: 4, unprocessed: 6 });
  expect((await figuresOf(id))[1]).toEqual(['restoring', 1, 10, 4]);
  expectGapless(await phasesOf(id), true);
});

test('an ended job enters no further phase, and the API may not change phases', async () => {
  const id = await addJob('restore', 10);
  await enter(id, 'verifyingBackup', 1);
  await end(id, 'restore', { ...RESTORED, selected: 10, unprocessed: 10 });
  await enter(id, 'restoring', 1);
  expect((await phasesOf(id)).map(({ phase }) => phase)).toEqual(['verifyingBackup']);
  await expect(
    api().database.api.pool.query(`UPDATE jobs SET phases = '[]' WHERE id = $1`, [id]),
  ).rejects.toMatchObject({ code: '42501' });
});
