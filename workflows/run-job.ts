import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  log,
  patched,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  STATE_QUERY,
  type ClaimedJob,
  type JobEnd,
  type JobResult,
  type LiveState,
  type Phase,
} from './contracts/jobs.ts';
import { JOB_NOT_ENDED } from './contracts/mails.ts';
import {
  claimJob,
  enterPhase,
  finishOf,
  notifyLater,
  notifySoon,
  type Steps,
  stepsOf,
} from './activity-proxies.ts';
import { endOf } from './end-of.ts';
import { FAILURES_ATTRIBUTE, PHASE_ATTRIBUTE } from './contracts/search-attributes.ts';

const stateQuery = defineQuery<LiveState>(STATE_QUERY);

/** The functions that the body of a job's workflow uses, beside its steps. */
export interface JobHandle {
  enter: (phase: Phase, pass?: number) => Promise<void>;
  /** Clears the phase. The job's mail may still wait. */
  leave: () => void;
}

/** A stored end, with the counts of users by outcome. */
type Ended = JobResult & { counts?: Record<string, number> };

/** A job that fails also fails its workflow, so that Temporal's UI lists the workflow as failed. */
const RED = 'failed-jobs-fail';

/** The steps of one type of job. `steps` are the proxies that suit the job's size. */
export type JobBody = (job: JobHandle, steps: Steps) => Promise<void>;

/** Since this patch a mail that the provider refused is not retried. */
const REFUSED = 'refused-mails-are-left';

/**
 * Claims a job, runs its body, and stores its end. A job that ended before, as after a reset,
 * returns its stored result and repeats nothing.
 *
 * @throws ApplicationFailure when the job has failed, with its stored result as details
 */
export const runJob = async (jobId: string, body: JobBody): Promise<JobResult> => {
  const live: LiveState = { phase: null, pass: 1 };
  setHandler(stateQuery, () => live, { description: 'The phase that the job is in, and the pass' });
  // A job cancelled before its claim must still be claimed. Otherwise its end could not be stored.
  const claimed = await CancellationScope.nonCancellable(() =>
    claimJob({ jobId, runId: workflowInfo().runId }),
  );
  if (claimed.finished !== undefined) return closeWith(claimed.finished);

  const job: JobHandle = {
    enter: async (phase, pass = live.pass) => {
      Object.assign(live, { phase, pass });
      upsertSearchAttributes([{ key: PHASE_ATTRIBUTE, value: phase }]);
      setCurrentDetails(`**${phase}**, pass ${pass}, ${aboutOf(claimed)}`);
      await enterPhase({ jobId, phase, pass });
    },
    leave: () => void (live.phase = null),
  };
  const passOf = () => (claimed.type === 'deletion' ? live.pass : null);
  const end = await runBody(body, job, stepsOf(claimed, passOf));
  return closeWith(await CancellationScope.nonCancellable(() => endJob(jobId, claimed, job, end)));
};

/** @throws ApplicationFailure with the job's own error, if the job has failed */
const closeWith = (result: JobResult): JobResult => {
  const { state, error } = result;
  if (state !== 'failed' || !patched(RED)) return result;
  throw ApplicationFailure.create({
    type: error?.type ?? 'failed',
    message: error?.message ?? 'The job failed.',
    nonRetryable: true,
    details: [result],
  });
};

/** Facts that Temporal's UI shows after the phase, the same for the whole job. */
const aboutOf = ({ workspaceId, about }: ClaimedJob): string => {
  const shown = [`workspace \`${workspaceId}\``];
  if (about !== undefined) {
    if (about.count !== null) shown.push(`${about.count} users`);
    shown.push(`asked by key \`${about.askedBy}\``);
    if (about.ticket !== null) shown.push(`ticket ${about.ticket}`);
  }
  return shown.join(', ');
};

const runBody = async (body: JobBody, job: JobHandle, steps: Steps): Promise<JobEnd> => {
  try {
    await body(job, steps);
    return { kind: 'completed' };
  } catch (error) {
    return endOf(error);
  }
};

/**
 * If a job completes and its sums close, its mail is sent before its final state is stored, if the
 * provider accepts the mail at once. If a job fails, the state is stored first: the final counts
 * are known only then.
 */
const endJob = async (jobId: string, claimed: ClaimedJob, job: JobHandle, end: JobEnd) => {
  let isNotified = !claimed.notify;
  if (!isNotified && end.kind === 'completed') {
    isNotified = await tryToNotify(async () => {
      await job.enter('notifying');
      await notifySoon({ jobId, end });
    });
  }
  const result: Ended = await finishOf(claimed)({ jobId, end });
  job.leave();
  upsertSearchAttributes([
    { key: PHASE_ATTRIBUTE, value: result.state },
    { key: FAILURES_ATTRIBUTE, value: result.failures },
  ]);
  setCurrentDetails(`${detailsOf(result)}\n\n${aboutOf(claimed)}`);
  if (!isNotified) await tryToNotify(() => notifyLater({ jobId, end }));
  return result;
};

/**
 * A mail that cannot be sent does not fail the job.
 *
 * @returns whether no attempt is left to make
 */
const tryToNotify = async (notify: () => Promise<void>): Promise<boolean> => {
  try {
    await notify();
    return true;
  } catch (error) {
    log.warn('the mail was not accepted', { type: endOf(error).kind });
    return isFinal(error) && patched(REFUSED);
  }
};

/** Whether the mail failed for good. A mail that came before the end of its job may follow it. */
const isFinal = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof ApplicationFailure &&
  error.cause.nonRetryable === true &&
  error.cause.type !== JOB_NOT_ENDED;

const detailsOf = ({ state, counts = {}, error }: Ended): string => {
  const shown = Object.entries(counts).filter(([name, count]) => name === 'selected' || count > 0);
  const sums = shown.map(([name, count]) => `${name} ${count}`).join(', ');
  return [`**${state}**`, sums, error?.message].filter(Boolean).join(': ');
};
