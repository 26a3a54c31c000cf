import { expect, test } from 'vitest';
import type { CrashPoint } from '../../activities/deps.ts';
import { hasCrashedAt, orderCrash } from '../support/stack/crash-at.ts';
import { allDeleted, prepareTrial, TRIAL_TIMEOUT_MS } from '../support/stack/fault-trial.ts';
import { expectInvariants } from '../support/database/invariants.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const stack = useOwnStack({ mainFiles: { worker: 'test/support/stack/crashing-worker.ts' } });

const USERS = 50_000;

const POINTS: CrashPoint[] = [
  'export:attempt-recorded',
  'export:part-written',
  'export:snapshot-committed',
  'export:verified',
  'delete:batch-open',
  'delete:batch-committed',
];

test.each(POINTS)(
  'if the worker is killed at %s, another worker finishes, and no user is lost or counted twice',
  async (point) => {
    const { dataDir } = stack();
    const trial = await prepareTrial(stack(), point.replace(':', '-'), USERS);
    await orderCrash(dataDir, point);
    const job = await trial.finish(await trial.start());
    expect(hasCrashedAt(dataDir, point), 'the crash point was reached').toBe(true);
    expect(job).toMatchObject(allDeleted(trial));
    await expectInvariants(trial);
  },
  TRIAL_TIMEOUT_MS,
);
