import { Worker } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { readHistories } from '../support/steps/histories.ts';
import { WORKFLOW_BUNDLE } from '../support/stack/builds.ts';
import { installQuietRuntime } from '../support/stack/quiet-runtime.ts';

/** A changed path is detected only if the path has a history. */
const COMMON = [
  'cancelled',
  'completed',
  'completedWithFailures',
  'denied',
  'expired',
  'failed',
  'handed-back',
  'lapsed',
  'malformed',
  'refused-selfApproval',
  'revoked',
  'stopped',
  'withdrawn-open',
  'withdrawn-requested',
];
const PATHS = [
  ...[...COMMON, 'refused-unknownKey', 'refused-wrongRole'].map((path) => `1/${path}`),
  ...[
    ...COMMON,
    'continued',
    'flooded',
    'refused-unproven',
    'reset',
    'retried',
    'revoked-after-failures',
    'unknown-signal',
  ].map((path) => `2/${path}`),
].toSorted();

const workflowBundle = { codePath: WORKFLOW_BUNDLE };

beforeAll(() => {
  installQuietRuntime();
});

test('each path has one history', () => {
  expect(readHistories().map(({ path }) => path)).toEqual(PATHS);
});

test.each(readHistories())(
  'open requests of the path "$path" continue when this version starts',
  async ({ history }) => {
    await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined();
  },
);

test('a changed workflow is detected', async () => {
  const text = JSON.stringify(readHistories().find(({ path }) => path === '2/denied')?.history);
  const other = JSON.parse(text.replaceAll('"decideRequest"', '"judgeRequest"')) as unknown;
  await expect(Worker.runReplayHistory({ workflowBundle }, other)).rejects.toThrow(/determinism/i);
});
