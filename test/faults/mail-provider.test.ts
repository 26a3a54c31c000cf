import { afterAll, expect, test } from 'vitest';
import {
  accepted,
  acceptedThenReset,
  cut,
  html,
  json,
  noAnswer,
  startMailProvider,
  type Answer,
} from '../support/http/mail-provider.ts';
import { allDeleted, prepareTrial } from '../support/stack/fault-trial.ts';
import { workflowIdOf } from '../../workflows/contracts/jobs.ts';
import { expectInvariants } from '../support/database/invariants.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const provider = await startMailProvider(accepted);
const stack = useOwnStack({ env: { RESEND_API_KEY: 're_test', RESEND_BASE_URL: provider.url } });

afterAll(() => provider.stop());

const tooMany = json(
  429,
  { statusCode: 429, name: 'rate_limit_exceeded', message: 'no' },
  { 'retry-after': '1' },
);

const FAILURES: [name: string, workspace: string, answers: Answer[]][] = [
  ['429', 'busy', [tooMany, tooMany]],
  ['500', 'broken', [json(500, { statusCode: 500, name: 'internal_server_error', message: 'no' })]],
  ['an HTML 503', 'html', [html(503), html(503)]],
  ['a reset', 'reset', [cut]],
  ['acceptance, and then a reset', 'lost', [acceptedThenReset]],
  ['nothing at all', 'silent', [noAnswer]],
];

test.each(FAILURES)(
  'if the mail provider answers %s, the deletion succeeds, and its mail is accepted under one key',
  async (_name, workspaceId, answers) => {
    const trial = await prepareTrial(stack(), workspaceId, 100);
    provider.plan(...answers, accepted);
    const id = await trial.start();
    const job = await trial.admin.finish(id);
    expect(job).toMatchObject(allDeleted(trial));
    await expectInvariants(trial);
    const tries = () => provider.seen.filter(({ body }) => body.includes(id));
    await expect
      .poll(() => tries().some(({ isAccepted, key }) => isAccepted && key !== undefined))
      .toBe(true);
    await expect.poll(() => tries().length).toBeGreaterThanOrEqual(answers.length + 1);
    expect(new Set(tries().map(({ key }) => key)).size).toBe(1);
    expect(new Set(tries().map(({ body }) => body)).size).toBe(1);
  },
);

test('a mail that the provider refuses is tried once, and does not fail its job', async () => {
  const trial = await prepareTrial(stack(), 'refused', 100);
  provider.plan(json(403, { statusCode: 403, name: 'validation_error', message: 'no' }));
  const id = await trial.start();
  expect(await trial.admin.finish(id)).toMatchObject(allDeleted(trial));
  await stack()
    .temporal.workflow.getHandle(workflowIdOf({ id, type: 'deletion' }))
    .result();
  const { mail } = await trial.admin.succeed<{ mail: object[] }>('GET', `/v1/jobs/${id}`);
  expect(mail).toMatchObject([{ state: 'refused', attempts: 1 }]);
  expect(provider.seen.filter(({ body }) => body.includes(id))).toHaveLength(1);
});

test('until its mail is accepted, a job states that it waits, and the number of the next attempt', async () => {
  const trial = await prepareTrial(stack(), 'waits', 100);
  provider.plan(tooMany);
  const id = await trial.start();
  const waitingFor = async () =>
    (
      await trial.admin.succeed<{ waitingFor?: { type: string; attempt: number } }>(
        'GET',
        `/v1/jobs/${id}`,
      )
    ).waitingFor;
  const countAttempts = () => provider.seen.filter(({ body }) => body.includes(id)).length;
  /** What the job states between two attempts. */
  const betweenAttempts = async () => {
    const before = countAttempts();
    const stated = await waitingFor();
    return { ...stated, isNext: before === countAttempts() && stated?.attempt === before + 1 };
  };
  await expect
    .poll(betweenAttempts, { interval: 100 })
    .toMatchObject({ type: expect.stringMatching(/^mail/i) as string, isNext: true });
  provider.plan(accepted);
  expect(await trial.admin.finish(id)).toMatchObject(allDeleted(trial));
  expect(await waitingFor()).toBeUndefined();
});
