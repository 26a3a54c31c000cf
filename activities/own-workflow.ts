import { findExport } from '../db/exports/exports.ts';
import { claimJob, findJobClaim } from '../db/jobs/job-runs.ts';
import { isMailWanted, isRoundAsked } from '../db/mails/mail-rounds.ts';
import { type Activities } from '../workflows/contracts/activities.ts';
import { DELETE_ALL_TYPE, requestWorkflowIdOf } from '../workflows/contracts/delete-all.ts';
import { JOB_KINDS, type JobInput, workflowIdOf } from '../workflows/contracts/jobs.ts';
import {
  DELIVERY_TYPE,
  type DeliveryInput,
  deliveryWorkflowIdOf,
} from '../workflows/contracts/deliveries.ts';
import { MAIL_TYPE, type MailInput, mailWorkflowIdOf } from '../workflows/contracts/mails.ts';
import { type Caller, callerOfActivity } from './caller.ts';
import { findRun, type RequestSweepDeps } from './delete-all/sweep-requests.ts';
import { failures } from './failures.ts';

type GuardDeps = Pick<RequestSweepDeps, 'database' | 'temporal'>;
type AnyActivity = (input: never) => Promise<unknown>;
/** @throws ApplicationFailure, not retryable, when the input names an object of another workflow */
type Check = (caller: Caller, input: never) => Promise<void>;

/**
 * Ids as PostgreSQL writes them. PostgreSQL accepts other spellings, but a workflow id made from
 * one is a different workflow.
 */
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Lets each activity run only for the workflow of the job, request, mail or delivery that its input
 * names. Refuses workflows with another id, and activities that were started without a workflow.
 */
export const withOwnWorkflow = (deps: GuardDeps, activities: Activities): Activities => {
  const checks = checksOf(deps);
  const guarded = ([name, activity]: [string, AnyActivity]) => {
    const check = checks[name as keyof Activities];
    const step = async (input: never) => {
      await check(callerOfActivity(), input);
      return activity(input);
    };
    return [name, step];
  };
  return Object.fromEntries(Object.entries(activities).map(guarded)) as Activities;
};

/** The check for each activity. */
const checksOf = (deps: GuardDeps): Record<keyof Activities, Check> => {
  const { ofClaim, ofJob, ofJobMail, ofExport } = checksOfJobs(deps);
  const { ofMailAgain, ofNotice } = checksOfMails(deps);
  return {
    claimJob: ofClaim,
    enterPhase: ofJob,
    writeExport: ofJob,
    verifyExport: ofExport,
    deleteBackedUpUsers: ofExport,
    settlePass: ofJob,
    verifyBackup: ofJob,
    restoreBackedUpUsers: ofJob,
    checkImportFile: ofJob,
    importUsers: ofJob,
    finishJob: ofJob,
    notifyJob: ofJobMail,
    notifyJobAgain: ofMailAgain,
    claimRequest: ofRequest,
    decideRequest: ofRequest,
    decideWritten: ofRequest,
    notifyRequest: ofNotice,
    attemptDelivery: ofDelivery,
    giveUpDelivery: ofDelivery,
    startQueuedJobs: ofAnyone,
    destroyExpiredExports: ofAnyone,
    scrubBackups: ofAnyone,
  };
};

const checksOfJobs = ({ database: { db }, temporal }: GuardDeps) => {
  const getOwn = async (caller: Caller, jobId: string) => {
    const job = isId(jobId) ? await findJobClaim(db, jobId) : undefined;
    const isOwn =
      job !== undefined && isOf(caller, JOB_KINDS[job.type].workflowType, workflowIdOf(job));
    if (!isOwn) throw failures.jobNotYours(jobId);
    return job;
  };
  const ofClaim = async (caller: Caller, { jobId }: JobInput): Promise<void> => {
    await getOwn(caller, jobId);
  };
  /**
   * Allows only the workflow run that claimed the job. After a reset to a point after the claim,
   * the new run takes the job over.
   */
  const ofJob = async (caller: Caller, { jobId }: JobInput): Promise<void> => {
    const job = await getOwn(caller, jobId);
    if (job.run_id === caller.runId || job.finished_at !== null) return;
    const latest = await findRun(temporal, caller.workflowId);
    if (latest?.runId !== caller.runId) throw failures.jobNotYours(jobId);
    await claimJob(db, jobId, caller.runId);
  };
  /** Allows the mail that a job was started with. Its row says so, not the workflow. */
  const ofJobMail = async (caller: Caller, { jobId }: JobInput): Promise<void> => {
    await ofJob(caller, { jobId });
    if (!(await isMailWanted(db, jobId))) throw failures.mailNotAsked(jobId);
  };
  const ofExport = async (
    caller: Caller,
    { exportId, jobId }: { exportId: string; jobId?: string },
  ): Promise<void> => {
    const row = isId(exportId) ? await findExport(db, exportId) : undefined;
    const isOfJob = jobId === undefined || row?.job_id === jobId;
    if (row === undefined || !isOfJob) throw failures.exportUnknown(exportId);
    await ofJob(caller, { jobId: row.job_id });
  };
  return { ofClaim, ofJob, ofJobMail, ofExport };
};

const isId = (id: unknown): id is string => typeof id === 'string' && ID.test(id);

const isOf = ({ workflowType, workflowId }: Caller, type: string, id: string): boolean =>
  workflowType === type && workflowId === id;

const checksOfMails = ({ database: { db } }: GuardDeps) => {
  /**
   * Allows a round only if the API stored that somebody asked for it. The first round may have been
   * asked for with the job itself.
   */
  const ofMailAgain = async (
    caller: Caller,
    { jobId, round }: Parameters<Activities['notifyJobAgain']>[0],
  ): Promise<void> => {
    const mail = { jobId, round };
    assertOwnMail(caller, jobId, mail);
    const isAsked =
      (await isRoundAsked(db, mail)) || (round === 1 && (await isMailWanted(db, jobId)));
    if (!isAsked) throw failures.mailNotAsked(jobId);
  };
  /**
   * Allows a further round only if the API stored that somebody asked for it. The first round needs
   * no such row: it reports a fact, and is sent once. Nothing but these three facts of the input
   * counts: an input that also names a job is one about the request.
   */
  const ofNotice = async (
    caller: Caller,
    { requestId, kind, round = 1 }: Parameters<Activities['notifyRequest']>[0],
  ): Promise<void> => {
    if (caller.workflowType === DELETE_ALL_TYPE && round === 1) {
      return ofRequest(caller, { requestId });
    }
    const mail = { requestId, kind, round };
    assertOwnMail(caller, requestId, mail);
    if (round !== 1 && !(await isRoundAsked(db, mail))) throw failures.mailNotAsked(requestId);
  };
  return { ofMailAgain, ofNotice };
};

const assertOwnMail = (caller: Caller, id: string, mail: MailInput): void => {
  const isOwn = isOf(caller, MAIL_TYPE, mailWorkflowIdOf(mail));
  if (!isId(id) || !isOwn) throw failures.mailNotYours(id);
};

const ofRequest = async (caller: Caller, { requestId }: { requestId: string }): Promise<void> => {
  const isOwn = isOf(caller, DELETE_ALL_TYPE, requestWorkflowIdOf(requestId));
  if (!isId(requestId) || !isOwn) throw failures.requestNotYours(requestId);
};

const ofDelivery = async (caller: Caller, input: DeliveryInput): Promise<void> => {
  const { deliveryId } = input;
  const isOwn = isOf(caller, DELIVERY_TYPE, deliveryWorkflowIdOf(input));
  if (!isId(deliveryId) || !isOwn) throw failures.deliveryNotYours(deliveryId);
};

/** Needs no check: the activity takes no input, so any workflow may call it. */
const ofAnyone: Check = () => Promise.resolve();
