import { activityInfo, cancellationSignal, heartbeat, log } from '@temporalio/activity';
import { claimJob, enterPhase, findStoredResult } from '../db/jobs/job-runs.ts';
import { noteScheduleRun } from '../db/service-figures.ts';
import type { Activities, SCHEDULES, SWEEP } from '../workflows/contract.ts';
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
/** Users up to whom each step of a job takes milliseconds. */
const SMALL_JOB_USERS = 100;

/** Reports life while a long step runs, and hands it the signal by which it is broken off. */
const whileBeating =
  <Input, Result>(step: (input: Input, signal: AbortSignal) => Promise<Result>) =>
  async (input: Input): Promise<Result> => {
    const beat = setInterval(() => heartbeat(), HEARTBEAT_INTERVAL_MS);
    try {
      return await step(input, cancellationSignal());
    } finally {
      clearInterval(beat);
    }
  };

const TICKET = /\b([A-Z][A-Z0-9]{1,9})-[1-9]\d{0,6}\b/g;

/**
 * The first ticket that a reason names, as OPS-123 does where `OPS` is a prefix of tickets. Nothing
 * else of a reason is told: what looks like a ticket may be the id of a user.
 */
const ticketOf = (reason: string | null, prefixes: readonly string[]): string | null =>
  [...(reason ?? '').matchAll(TICKET)].find(([, prefix = '']) => prefixes.includes(prefix))?.[0] ??
  null;

interface TicketDeps {
  /** None where no prefix is set. */
  config: { ticketPrefixes?: readonly string[] };
}

const createClaimJob =
  ({
    database: { db },
    config,
  }: Pick<ActivityDeps, 'database'> & TicketDeps): Activities['claimJob'] =>
  async ({ jobId, runId }) => {
    await claimJob(db, jobId, runId);
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
      // To look up one mail address a whole backup is read.
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
 * Without these a job, a request or a delivery has no beginning or no end, so no database error
 * ends them.
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

/** Every error leaves an activity as one of the failures of the catalogue. */
const withFailures = (activities: Activities): Activities =>
  Object.fromEntries(
    Object.entries(activities).map(([name, activity]: [string, AnyActivity]) => [
      name,
      (input: never) =>
        activity(input).catch((error: unknown) => {
          const failure = toFailure(error);
          if (isUnknown(failure)) log.warn('a step met an unknown error', { error });
          throw WITHOUT_END.includes(name) ? tryAgain(failure) : failure;
        }),
    ]),
  ) as unknown as Activities;

type ScheduleId = (typeof SCHEDULES)[number]['id'] | (typeof SWEEP)['id'];

/** Writes down that a schedule did all it had to, each time that it did. */
const noting =
  ({ database: { db } }: ActivityDeps) =>
  <Args extends unknown[], Result>(id: ScheduleId, step: (...args: Args) => Promise<Result>) =>
  async (...args: Args): Promise<Result> => {
    const result = await step(...args);
    await noteScheduleRun(db, id);
    return result;
  };

export const createActivities = (deps: RequestSweepDeps & WebhookDeps & TicketDeps): Activities => {
  const noted = noting(deps);
  const steps: Activities = {
    claimJob: createClaimJob(deps),
    enterPhase: ({ jobId, phase }) => enterPhase(deps.database.db, jobId, phase),
    writeExport: whileBeating(createWriteExport(deps)),
    verifyExport: createVerifyExport(deps),
    deleteBackedUpUsers: whileBeating(createDeleteBackedUpUsers(deps)),
    settlePass: whileBeating(createSettlePass(deps)),
    verifyBackup: whileBeating(createVerifyBackup(deps)),
    restoreBackedUpUsers: whileBeating(createRestoreBackedUpUsers(deps)),
    checkImportFile: whileBeating(createCheckImport(deps)),
    importUsers: whileBeating(createImportUsers(deps)),
    finishJob: whileBeating(createEndJob(deps)),
    notifyJob: createNotifyJob(deps),
    notifyJobAgain: createNotifyJobAgain(deps),
    startQueuedJobs: noted('start-queued', createStartQueuedJobs(deps)),
    destroyExpiredExports: noted('destroy-expired', whileBeating(createDestroyExpired(deps))),
    scrubBackups: noted(
      'scrub-backups',
      whileBeating(
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
    notifyRequest: whileBeating(
      createNotifyRequest(deps, () => activityInfo().currentAttemptScheduledTimestampMs),
    ),
  };
  return withFailures(withOwnWorkflow(deps, steps));
};
