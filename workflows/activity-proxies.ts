import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { Activities } from './contracts/activities.ts';
import type { ClaimedJob } from './contracts/jobs.ts';

type Step<Input, Result> = (input: Input) => Promise<Result>;

/** A local activity throws its failure bare, or wrapped in an `ActivityFailure`. */
const isFinal = (error: unknown): boolean => {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return (
    isCancellation(error) || (cause instanceof ApplicationFailure && cause.nonRetryable === true)
  );
};

/**
 * Tries a step as a local activity first, because that is fast. After a few failed attempts it
 * becomes a normal activity. Temporal does not write the retries of a normal activity to the
 * history, so their number is not limited.
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

/** Steps of a few small queries. As local activities they take 2 ms instead of 20 ms. */
export const { enterPhase, verifyExport } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '10 s',
  scheduleToCloseTimeout: '1 day',
  retry: { initialInterval: '200 ms', maximumInterval: '10 s' },
});

/**
 * Retries without limit while the database is unavailable: without its claim the job would never
 * begin.
 */
export const claimJob = localFirst(
  proxyLocalActivities<Activities>({ startToCloseTimeout: '10 s', retry: FEW_TRIES }).claimJob,
  proxyActivities<Activities>({ startToCloseTimeout: '10 s', retry: WITHOUT_END }).claimJob,
);

/**
 * Steps that may take hours. A missing heartbeat shows that the worker has died. An unavailable
 * database or disk is retried for a day; a failure that no retry can fix ends the step at once.
 */
const longSteps = proxyActivities<Activities>({
  startToCloseTimeout: '12 hours',
  scheduleToCloseTimeout: '1 day',
  heartbeatTimeout: '10 s',
  retry: { initialInterval: '500 ms', maximumInterval: '10 s' },
});

/**
 * The same steps for jobs of a few users. Each takes milliseconds, so they run as local activities.
 */
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

/** The summary of each step in Temporal's UI: one line. */
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
 * The steps of a job. A small job takes them as local activities: for one user, a normal activity
 * costs ten times the work itself. `passOf` returns the pass of a deletion, or null for other jobs.
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

/** The step that stores a job's end. It retries without limit while the database is unavailable. */
export const finishOf = ({ isSmall }: ClaimedJob) => (isSmall ? finishSmall : finishPatiently);

/**
 * The first attempts at a mail, before the job's end is stored. The limit of 15 s keeps the end
 * from waiting for the mail provider.
 */
export const notifySoon = proxyActivities<Activities>({
  startToCloseTimeout: '20 s',
  scheduleToCloseTimeout: '15 s',
  retry: { initialInterval: '500 ms', maximumInterval: '5 s' },
}).notifyJob;

/** Further attempts, for as long as the mail provider remembers an idempotency key. */
export const notifyLater = proxyActivities<Activities>({
  startToCloseTimeout: '20 s',
  scheduleToCloseTimeout: '23 hours',
  retry: { initialInterval: '5 s', maximumInterval: '10 minutes' },
}).notifyJob;

/** Sends a mail again that somebody has asked for. */
export const { notifyJobAgain } = proxyActivities<Activities>({
  startToCloseTimeout: '20 s',
  scheduleToCloseTimeout: '23 hours',
  retry: { initialInterval: '1 s', maximumInterval: '10 minutes' },
});

/** Steps of a request. They retry without limit while the database is unavailable. */
export const { claimRequest, decideRequest, decideWritten } = proxyActivities<Activities>({
  startToCloseTimeout: '10 s',
  retry: { ...WITHOUT_END, initialInterval: '200 ms' },
});

/**
 * Mails to many recipients, retried for as long as the mail provider remembers an idempotency key.
 */
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
