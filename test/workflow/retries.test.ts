import { expect, test } from 'vitest';
import { DAY_MS } from '../support/steps/delete-all.ts';
import { keepHistory } from '../support/steps/histories.ts';
import { useTimeSkipping } from '../support/stack/time-skipping.ts';
import { waitUntil } from '../support/wait.ts';

/** The users that a run has left are retried only in an open window, after the same checks. */

const { ask, plan, database } = useTimeSkipping();

type Request = Awaited<ReturnType<typeof ask>>;

/** A request in its open window, whose run has left one of three users. */
const failed = async () => {
  const request = await ask();
  await request.send('approve', { by: request.people.pia });
  plan({ state: 'failed', deleted: 2 });
  await request.run();
  await request.until('failed');
  const { job_id: jobId } = await request.request();
  return { request, jobId: jobId! };
};

/** Retries as the API does. @returns the refusal */
const tryAgain = async (request: Request, jobId: string, by: string) => {
  const decisionId = await request.steps.insertDecision(request.id, 'retry', { by, jobId });
  await request.handle.signal('retry', { decisionId });
  const isDecided = async () => (await request.steps.outcome(decisionId)).outcome !== 'pending';
  await waitUntil(isDecided);
  return (await request.steps.outcome(decisionId)).refusal;
};

const jobsOf = async ({ id }: Request): Promise<number> => {
  const { rowCount } = await database().owner.pool.query('SELECT FROM jobs WHERE parent_id = $1', [
    id,
  ]);
  return rowCount ?? 0;
};

test('ops retries the rest of a run in its window, and the request ends as the retry does', async () => {
  const { request, jobId } = await failed();
  plan({ state: 'succeeded', deleted: 1 });
  expect(await tryAgain(request, jobId, request.people.ole)).toBeNull();
  expect(await request.ends('completed')).toBe('completed');
  const { job_id: retry } = await request.request();
  const { rows } = await database().owner.pool.query('SELECT retry_of FROM jobs WHERE id = $1', [
    retry,
  ]);
  expect(rows).toEqual([{ retry_of: jobId }]);
  await keepHistory('retried', request.handle);
});

test('after its request was revoked, a run cannot be retried by any role', async () => {
  const { request, jobId } = await failed();
  await request.send('revoke', { by: request.people.paul, reason: 'enough' });
  expect((await request.request()).state).toBe('revoked');
  const { steps, id, people } = request;
  const refusals = [
    [people.ole, 'wrongState'],
    [people.ada, 'wrongState'],
    [people.bob, 'wrongState'],
    [people.pia, 'wrongRole'],
    [people.paul, 'wrongRole'],
  ] as const;
  for (const [by, refusal] of refusals) {
    const decisionId = await steps.insertDecision(id, 'retry', { by, jobId });
    expect(await steps.outcome(decisionId)).toEqual({ outcome: 'refused', refusal });
  }
  expect(await request.ends('revoked')).toBe('revoked');
  expect(await jobsOf(request)).toBe(1);
  await keepHistory('revoked-after-failures', request.handle);
});

test('a run that was cancelled cannot be retried', async () => {
  const request = await ask();
  await request.send('approve', { by: request.people.pia });
  plan({ state: 'cancelled', deleted: 1 });
  await request.run();
  await request.until('cancelled');
  const { job_id: jobId } = await request.request();
  const { steps, id, people } = request;
  const input = { by: people.ada, jobId: jobId! };
  const decisionId = await steps.insertDecision(id, 'retry', input);
  expect(await steps.outcome(decisionId)).toEqual({ outcome: 'refused', refusal: 'wrongState' });
  expect(await request.ends('cancelled')).toBe('cancelled');
  expect(await jobsOf(request)).toBe(1);
});

test('a run cannot be retried after the window has closed', async () => {
  const { request, jobId } = await failed();
  const { closes_at: closesAt } = await request.request();
  await request.sleep(3 * DAY_MS);
  expect(await request.ends('failed')).toBe('failed');
  const { steps, id, people } = request;
  await request.at(closesAt!.getTime());
  const decisionId = await steps.insertDecision(id, 'retry', { by: people.ole, jobId });
  expect(await steps.outcome(decisionId)).toEqual({ outcome: 'refused', refusal: 'tooLate' });
});

test('of a retry and a revocation at the same time, exactly one is accepted', async () => {
  const { request, jobId } = await failed();
  const { steps, id, people, handle } = request;
  const retry = await steps.insertDecision(id, 'retry', { by: people.ole, jobId });
  const revoke = await steps.insertDecision(id, 'revoke', { by: people.pia });
  plan({ state: 'succeeded', deleted: 1 });
  await Promise.all([
    handle.signal('retry', { decisionId: retry }),
    handle.signal('revoke', { decisionId: revoke }),
  ]);
  const outcomes = async () => [await steps.outcome(retry), await steps.outcome(revoke)];
  await waitUntil(async () => (await outcomes()).every(({ outcome }) => outcome !== 'pending'));
  const accepted = (await outcomes()).filter(({ outcome }) => outcome === 'accepted');
  expect(accepted).toHaveLength(1);
  const isRevoked = (await steps.outcome(revoke)).outcome === 'accepted';
  expect(await request.ends(isRevoked ? 'revoked' : 'completed')).toBeDefined();
  expect(await jobsOf(request)).toBe(isRevoked ? 1 : 2);
});
