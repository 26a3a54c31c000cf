import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { keepHistory } from '../support/steps/histories.ts';
import { useTimeSkipping } from '../support/stack/time-skipping.ts';
import { waitUntil } from '../support/wait.ts';

/** A person with access to Temporal may send any message, in any number. */

const { ask, env } = useTimeSkipping();

type Request = Awaited<ReturnType<typeof ask>>;

const JUNK = 300;

const rawSignal = (request: Request, signalName: string, encoding = 'json/plain', data = '{') =>
  env().client.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: request.handle.workflowId },
    signalName,
    requestId: randomUUID(),
    input: {
      payloads: [{ metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) }],
    },
  });

const detailsOf = async (request: Request): Promise<string> =>
  (await request.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata'))
    .currentDetails;

test('a flood of messages leaves few records, and a revocation by the API is applied', async () => {
  const request = await ask();
  const { steps, id, people, handle } = request;
  await request.send('approve', { by: people.pia });
  const junk = Array.from({ length: JUNK }, (_, n) =>
    handle.signal(
      'approve',
      [{ by: n }, { code: 'aaaaa-aaaaa' }, { decisionId: randomUUID() }][n % 3],
    ),
  );
  const decisionId = await steps.insertDecision(id, 'revoke', { by: people.paul });
  await Promise.all([...junk, handle.signal('revoke', { decisionId })]);
  await request.until('revoked');
  expect(await request.ends('revoked')).toBe('revoked');
  const refused = (await request.refusals()).filter((refusal) => refusal !== null);
  expect(refused.filter((refusal) => refusal === 'malformed').length).toBeLessThanOrEqual(20);
  expect(refused.length).toBeLessThan(JUNK);
  await keepHistory('flooded', handle);
});

test('a misspelled signal stops nothing and is recorded, whatever its content is', async () => {
  const request = await ask();
  await rawSignal(request, 'aprove');
  await rawSignal(request, 'Approve', 'binary/encrypted');
  await rawSignal(request, 'x'.repeat(200));
  await rawSignal(request, '__temporal_approve');
  await waitUntil(async () => (await request.refusals()).length >= 4);
  const told = await request.steps.told(request.id);
  expect(told.map(({ kind, refusal }) => `${kind} ${refusal}`)).toEqual(
    Array.from({ length: 4 }, () => 'unknown unknownSignal'),
  );
  expect(told.map(({ reason }) => reason)).toEqual([
    'aprove',
    'Approve',
    'a name that is not shown',
    '__temporal_approve',
  ]);
  expect(await detailsOf(request)).toContain('unknownSignal');
  await request.send('deny', { by: request.people.pia, reason: 'it still listens' });
  expect(await request.ends('denied')).toBe('denied');
  await keepHistory('unknown-signal', request.handle);
});
