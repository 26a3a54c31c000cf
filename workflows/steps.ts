import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { Activities, ClaimedJob } from './contract.ts';

type Step<Input, Result> = (input: Input) => Promise<Result>;

/** A local activity throws its failure bare, or in an ActivityFailure. */
const isFinal = (error: unknown): boolean => {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return (
    isCancellation(error) || (cause instanceof ApplicationFailure && cause.nonRetryable === true)
  );
};

/**
 * Takes a step where the workflow runs, which is quick, and after a few tries through Temporal,
 * whose tries leave nothing in the history, however many they are.
 */
const localFirst =
  <Input, Result>(local: Step<Input, Result>, patient: Step<Input, Result>): Step<Input, Result> =>
  async (input) => {
    try {
      return await local(input);
    } catch (error) {
      if (isFinal(error)) throw error;
      return patient(input);
    }
  };

const FEW_TRIES = { initialInterval: '200 ms', maximumAttempts: 4 } as const;
const WITHOUT_END = { initialInterval: '500 ms', maximumInterval: '10 s' } as const;

/** Short steps of a few small queries each; as local activities they cost 2 ms instead of 20. */
export const { enterPhase, verifyExport } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '10 s',
  scheduleToCloseTimeout: '1 day',
  retry: { initialInterval: '200 ms', maximumInterval: '10 s' },
});

/**
 * Waits for a database that is away however long it takes: without it the job would never begin.
 */
export const claimJob = localFirst(
  proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s', retry: FEW_TRIES }).claimJob,
  proxyActivities<Activities>({ startToCloseTimeout: '10 s', retry: WITHOUT_END }).claimJob,
);

/**
 * Steps that may take long. A worker that dies is noticed by its missing heartbeat; a database or
 * disk that is away is tried again for a day, while what cannot get better fails at once.
 */
const longSteps = proxyActivities<Activities>({
  startToCloseTimeout: '12 hours',
  scheduleToCloseTimeout: '1 day',
  heartbeatTimeout: '10 s',
  retry: { initialInterval: '500 ms', maximumInterval: '10 s' },
});

/** The same steps for a few users: milliseconds each, so they run where the workflow does. */
const quickSteps = proxyLocalActivities<Activities>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '1 day',
  retry: { initialInterval: '500 ms', maximumInterval: '10 s' },
});

export type Steps = Pick<
  typeof longSteps,
  | 'writeExport'
  | 'deleteBackedUpUsers'
  | 'settlePass'
  | 'verifyBackup'
  | 'restoreBackedUpUsers'
  | 'checkImportFile'
  | 'importUsers'
>;

/** What Temporal's UI shows beside each step, in one line. */
const SUMMARIES: Readonly<Record<keyof Steps, string>> = {
  writeExport: 'write users to a file',
  deleteBackedUpUsers: 'delete',
  settlePass: 'account for everyone',
  verifyBackup: 'verify the backup',
  restoreBackedUpUsers: 'restore',
  checkImportFile: 'read the file',
  importUsers: 'import',
};

/**
 * How a job takes its steps. Handing one out through Temporal costs ten times what it takes for one
 * user. `passOf` says which pass of a deletion it is; null for other jobs.
 */
export const stepsOf = ({ isSmall }: ClaimedJob, passOf: () => number | null): Steps => {
  const steps = isSmall ? quickSteps : longSteps;
  const titled = Object.entries(SUMMARIES).map(([name, what]) => {
    const step = steps[name as keyof Steps];
    const take = (input: never) => {
      const pass = passOf();
      const summary = pass === null ? what : `${what}, pass ${pass}`;
      return step.executeWithOptions({ summary }, [input]);
    };
    return [name, take];
  });
  return Object.fromEntries(titled) as Steps;
};

const finishPatiently = proxyActivities<Activities>({
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '10 s',
  retry: WITHOUT_END,
}).finishJob;

const finishSmall = localFirst(
  proxyLocalActivities<Activities>({ startToCloseTimeout: '1 minute', retry: FEW_TRIES }).finishJob,
  finishPatiently,
);

/** How a job stores its end; waits for a database that is away however long it takes. */
export const finishOf = ({ isSmall }: ClaimedJob) => (isSmall ? finishSmall : finishPatiently);

/**
 * The first tries at a mail, before the job's end is stored; it is no reason to keep anyone
 * waiting.
 */
export const notifySoon = proxyActivities<Activities>({
  startToCloseTimeout: '20 s',
  scheduleToCloseTimeout: '15 s',
  retry: { initialInterval: '500 ms', maximumInterval: '5 s' },
}).notifyJob;

/** Further tries, for as long as the provider keeps an idempotency key. */
export const notifyLater = proxyActivities<Activities>({
  startToCloseTimeout: '20 s',
  scheduleToCloseTimeout: '23 hours',
  retry: { initialInterval: '5 s', maximumInterval: '10 minutes' },
}).notifyJob;

/** A mail that somebody has asked for again. */
export const { notifyJobAgain } = proxyActivities<Activities>({
  startToCloseTimeout: '20 s',
  scheduleToCloseTimeout: '23 hours',
  retry: { initialInterval: '1 s', maximumInterval: '10 minutes' },
});

/** Steps of a request; they wait for a database that is away however long it takes. */
export const { claimRequest, decideRequest, decideWritten } = proxyActivities<Activities>({
  startToCloseTimeout: '10 s',
  retry: { ...WITHOUT_END, initialInterval: '200 ms' },
});

/** Mails to many, tried for as long as the provider keeps an idempotency key. */
export const { notifyRequest } = proxyActivities<Activities>({
  startToCloseTimeout: '1 hour',
  scheduleToCloseTimeout: '23 hours',
  heartbeatTimeout: '10 s',
  retry: { initialInterval: '1 s', maximumInterval: '10 minutes' },
});

export const { startQueuedJobs } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 2 },
});

export const { destroyExpiredExports, scrubBackups } = proxyActivities<Activities>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '10 s',
  retry: { initialInterval: '5 s', maximumAttempts: 3 },
});
