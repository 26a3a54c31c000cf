import { activityInfo, cancellationSignal, heartbeat, log } from '@temporalio/activity';
import { claimJob, enterPhase, findStoredResult } from '../db/jobs/job-runs.ts';
import { noteScheduleRun } from '../db/service-figures.ts';
import type { Activities } from '../workflows/contracts/activities.ts';
import type { SCHEDULES, SWEEP } from '../workflows/contracts/jobs.ts';
import { callerOfActivity } from './caller.ts';
import { createAttemptDelivery, createGiveUpDelivery } from './webhooks/attempt-delivery.ts';
import { createCheckImport } from './imports/check-import.ts';
import { createDeleteBackedUpUsers } from './deletions/delete-backed-up-users.ts';
import type { ActivityDeps, WebhookDeps } from './deps.ts';
import {
  createClaimRequest,
  createDecideRequest,
  createDecideWritten,
} from './delete-all/decide-request.ts';
import { createDestroyExpired } from './expiry/destroy-expired.ts';
import { createEndJob } from './jobs/end-job.ts';
import { isUnknown, toFailure, tryAgain } from './failures.ts';
import { createImportUsers } from './imports/import-users.ts';
import { createNotifyJob, createNotifyJobAgain } from './mails/notify-job.ts';
import { createNotifyRequest } from './mails/notify-request.ts';
import { createRestoreBackedUpUsers, createVerifyBackup } from './restores/restore-users.ts';
import { findJobOf } from './jobs/running-job.ts';
import { withOwnWorkflow } from './own-workflow.ts';
import { createScrubBackups } from './expiry/scrub-backups.ts';
import { createSettlePass } from './deletions/settle-pass.ts';
import { createStartQueuedJobs } from './jobs/start-queued-jobs.ts';
import type { RequestSweepDeps } from './delete-all/sweep-requests.ts';
import { createVerifyExport } from './exports/verify-export.ts';
import { createWriteExport } from './exports/write-export.ts';

const HEARTBEAT_INTERVAL_MS = 2_000;
/** The most users of a small job: each of its steps takes milliseconds. */
const SMALL_JOB_USERS = 100;

const TICKET = /\b([A-Z][A-Z0-9]{1,9})-[1-9]\d{0,6}\b/g;

interface TicketDeps {
  /** Missing or empty if no prefix is configured. */
  config: { ticketPrefixes?: readonly string[] };
}

/**
 * Without these activities a job, a request or a delivery could not begin or end. So a database
 * error never ends them: it is retried.
 */
const WITHOUT_END: readonly string[] = [
  'claimJob',
  'finishJob',
  'claimRequest',
  'decideRequest',
  'decideWritten',
  'attemptDelivery',
  'giveUpDelivery',
] satisfies (keyof Activities)[];

type AnyActivity = (input: never) => Promise<unknown>;

/** The activities with a heartbeat timeout. */
const LONG: readonly string[] = [
  'writeExport',
  'deleteBackedUpUsers',
  'settlePass',
  'verifyBackup',
  'restoreBackedUpUsers',
  'checkImportFile',
  'importUsers',
  'finishJob',
  'notifyRequest',
  'destroyExpiredExports',
  'scrubBackups',
] satisfies (keyof Activities)[];

type ScheduleId = (typeof SCHEDULES)[number]['id'] | (typeof SWEEP)['id'];

export const createActivities = (deps: RequestSweepDeps & WebhookDeps & TicketDeps): Activities => {
  const noted = noting(deps);
  const steps: Activities = {
    claimJob: createClaimJob(deps),
    enterPhase: ({ jobId, phase, pass }) => enterPhase(deps.database.db, jobId, phase, pass),
    writeExport: withSignal(createWriteExport(deps)),
    verifyExport: createVerifyExport(deps),
    deleteBackedUpUsers: withSignal(createDeleteBackedUpUsers(deps)),
    settlePass: withSignal(createSettlePass(deps)),
    verifyBackup: withSignal(createVerifyBackup(deps)),
    restoreBackedUpUsers: withSignal(createRestoreBackedUpUsers(deps)),
    checkImportFile: withSignal(createCheckImport(deps)),
    importUsers: withSignal(createImportUsers(deps)),
    finishJob: withSignal(createEndJob(deps)),
    notifyJob: createNotifyJob(deps),
    notifyJobAgain: createNotifyJobAgain(deps),
    startQueuedJobs: noted('start-queued', createStartQueuedJobs(deps)),
    destroyExpiredExports: noted('destroy-expired', withSignal(createDestroyExpired(deps))),
    scrubBackups: noted(
      'scrub-backups',
      withSignal(
        createScrubBackups(deps, (damage) => log.error('a backup is damaged', { ...damage })),
      ),
    ),
    attemptDelivery: createAttemptDelivery(deps, () => ({
      signal: cancellationSignal(),
      attempt: activityInfo().attempt,
    })),
    giveUpDelivery: createGiveUpDelivery(deps),
    claimRequest: createClaimRequest(deps),
    decideRequest: createDecideRequest(deps),
    decideWritten: createDecideWritten(deps),
    notifyRequest: withSignal(
      createNotifyRequest(deps, () => activityInfo().currentAttemptScheduledTimestampMs),
    ),
  };
  return withFailures(withHeartbeats(withOwnWorkflow(deps, steps)));
};

/** Records each successful run of a schedule. */
const noting =
  ({ database: { db } }: ActivityDeps) =>
  <Args extends unknown[], Result>(id: ScheduleId, step: (...args: Args) => Promise<Result>) =>
  async (...args: Args): Promise<Result> => {
    const result = await step(...args);
    await noteScheduleRun(db, id);
    return result;
  };

/** Claims a job for the run that called. Temporal names that run, not the input. */
const createClaimJob =
  ({
    database: { db },
    config,
  }: Pick<ActivityDeps, 'database'> & TicketDeps): Activities['claimJob'] =>
  async ({ jobId }) => {
    await claimJob(db, jobId, callerOfActivity().runId);
    const job = await findJobOf(db, jobId);
    const finished = await findStoredResult(db, jobId);
    if (finished === undefined) {
      const { type, workspaceId, requestId } = job;
      log.info('job started', { jobId, requestId, type, workspaceId });
    }
    return {
      type: job.type,
      workspaceId: job.workspaceId,
      notify: job.options.notify ?? false,
      // To look up one email address, the whole backup must be read.
      isSmall: job.isChosen && !job.hasAddresses && (job.total ?? Infinity) <= SMALL_JOB_USERS,
      about: {
        count: job.total,
        askedBy: job.askedBy,
        ticket: ticketOf(job.reason, config.ticketPrefixes ?? []),
      },
      ...(finished !== undefined && { finished }),
    };
  };

/**
 * The first ticket in a reason, for example OPS-123 if `OPS` is one of the ticket prefixes. No
 * other part of a reason leaves the database: text that looks like a ticket may be a user's id.
 */
const ticketOf = (reason: string | null, prefixes: readonly string[]): string | null =>
  [...(reason ?? '').matchAll(TICKET)].find(([, prefix = '']) => prefixes.includes(prefix))?.[0] ??
  null;

/** Passes a long step the signal that cancels it. */
const withSignal =
  <Input, Result>(step: (input: Input, signal: AbortSignal) => Promise<Result>) =>
  (input: Input): Promise<Result> =>
    step(input, cancellationSignal());

/** Turns every error of an activity into a failure of the catalogue. */
const withFailures = (activities: Activities): Activities =>
  Object.fromEntries(
    Object.entries(activities).map(([name, activity]: [string, AnyActivity]) => [
      name,
      (input: never) =>
        activity(input).catch((error: unknown) => {
          const failure = toFailure(error);
          if (isUnknown(failure)) log.warn('a step failed with an unknown error', { error });
          throw WITHOUT_END.includes(name) ? tryAgain(failure) : failure;
        }),
    ]),
  ) as unknown as Activities;

/**
 * Sends heartbeats while a long activity runs, from its first query on: also the check of the
 * caller may have to wait for the database.
 */
const withHeartbeats = (activities: Activities): Activities =>
  Object.fromEntries(
    Object.entries(activities).map(([name, activity]: [string, AnyActivity]) => [
      name,
      LONG.includes(name) ? whileBeating(activity) : activity,
    ]),
  ) as unknown as Activities;

const whileBeating =
  (activity: AnyActivity): AnyActivity =>
  async (input) => {
    const beat = setInterval(() => heartbeat(), HEARTBEAT_INTERVAL_MS);
    try {
      return await activity(input);
    } finally {
      clearInterval(beat);
    }
  };
