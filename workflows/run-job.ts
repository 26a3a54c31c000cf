import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  isCancellation,
  log,
  patched,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  STATE_QUERY,
  type ClaimedJob,
  type JobEnd,
  type JobResult,
  type LiveState,
  type Phase,
} from './contract.ts';
import {
  claimJob,
  enterPhase,
  finishOf,
  notifyLater,
  notifySoon,
  type Steps,
  stepsOf,
} from './steps.ts';

const phaseAttribute = defineSearchAttributeKey('KeepsakePhase', 'KEYWORD');
const failuresAttribute = defineSearchAttributeKey('KeepsakeFailures', 'INT');

const stateQuery = defineQuery<LiveState>(STATE_QUERY);

/** A job as its story tells it. */
export interface JobTeller {
  enter: (phase: Phase, pass?: number) => Promise<void>;
  /** It is in no phase any more, whatever its mail still waits for. */
  leave: () => void;
}

/** A stored end, with how many users came to what. */
type Ended = JobResult & { counts?: Record<string, number> };

const detailsOf = ({ state, counts = {}, error }: Ended): string => {
  const told = Object.entries(counts).filter(([name, count]) => name === 'selected' || count > 0);
  const sums = told.map(([name, count]) => `${name} ${count}`).join(', ');
  return [`**${state}**`, sums, error?.message].filter(Boolean).join(': ');
};

const endOf = (error: unknown): JobEnd => {
  if (isCancellation(error)) return { kind: 'cancelled' };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  return {
    kind: 'failed',
    type: type ?? 'brokenOff',
    message: cause instanceof Error ? cause.message : 'The job failed.',
  };
};

/** Who sees it red looks at it: a job that has failed fails its workflow, too. */
const RED = 'failed-jobs-fail';

/** @throws ApplicationFailure of the job's own error, where the job has failed */
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

/** What is told of a job whatever it does, after its phase. */
const aboutOf = ({ workspaceId, about }: ClaimedJob): string => {
  const told = [`workspace \`${workspaceId}\``];
  if (about !== undefined) {
    if (about.count !== null) told.push(`${about.count} users`);
    told.push(`asked by key \`${about.askedBy}\``);
    if (about.ticket !== null) told.push(`ticket ${about.ticket}`);
  }
  return told.join(', ');
};

/** What happens in a job, told with the steps that suit its size. */
export type Story = (job: JobTeller, steps: Steps) => Promise<void>;

const tellStory = async (story: Story, job: JobTeller, steps: Steps): Promise<JobEnd> => {
  try {
    await story(job, steps);
    return { kind: 'completed' };
  } catch (error) {
    return endOf(error);
  }
};

/** A mail that is refused is not tried again. */
const REFUSED = 'refused-mails-are-left';

const isFinal = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof ApplicationFailure &&
  error.cause.nonRetryable === true;

/** A mail that cannot be sent fails no job. @returns whether there is nothing left to try */
const tryToNotify = async (notify: () => Promise<void>): Promise<boolean> => {
  try {
    await notify();
    return true;
  } catch (error) {
    log.warn('the mail was not accepted', { type: endOf(error).kind });
    return isFinal(error) && patched(REFUSED);
  }
};

/**
 * Who sees a job completed finds its mail sent, if the provider takes it at once. A job that broke
 * off is finished first: only then does it know of everyone what became of them.
 */
const endJob = async (jobId: string, claimed: ClaimedJob, job: JobTeller, end: JobEnd) => {
  let isTold = !claimed.notify;
  if (!isTold && end.kind === 'completed') {
    isTold = await tryToNotify(async () => {
      await job.enter('notifying');
      await notifySoon({ jobId, end });
    });
  }
  const result: Ended = await finishOf(claimed)({ jobId, end });
  job.leave();
  upsertSearchAttributes([
    { key: phaseAttribute, value: result.state },
    { key: failuresAttribute, value: result.failures },
  ]);
  setCurrentDetails(`${detailsOf(result)}\n\n${aboutOf(claimed)}`);
  if (!isTold) await tryToNotify(() => notifyLater({ jobId, end }));
  return result;
};

/**
 * Claims a job, tells its story, and stores how it ended. A job that has ended before, as after a
 * reset, answers with its stored result and does nothing again.
 *
 * @throws ApplicationFailure when the job has failed, with its stored result as details
 */
export const runJob = async (jobId: string, story: Story): Promise<JobResult> => {
  const live: LiveState = { phase: null, pass: 1 };
  setHandler(stateQuery, () => live, { description: 'The phase that the job is in, and the pass' });
  // Cancelled meanwhile, it has to be claimed all the same, or its end could not be stored.
  const claimed = await CancellationScope.nonCancellable(() =>
    claimJob({ jobId, runId: workflowInfo().runId }),
  );
  if (claimed.finished !== undefined) return closeWith(claimed.finished);

  const job: JobTeller = {
    enter: async (phase, pass = live.pass) => {
      Object.assign(live, { phase, pass });
      upsertSearchAttributes([{ key: phaseAttribute, value: phase }]);
      setCurrentDetails(`**${phase}**, pass ${pass}, ${aboutOf(claimed)}`);
      await enterPhase({ jobId, phase });
    },
    leave: () => void (live.phase = null),
  };
  const passOf = () => (claimed.type === 'deletion' ? live.pass : null);
  const end = await tellStory(story, job, stepsOf(claimed, passOf));
  return closeWith(await CancellationScope.nonCancellable(() => endJob(jobId, claimed, job, end)));
};
