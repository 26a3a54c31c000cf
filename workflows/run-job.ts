import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  isCancellation,
  log,
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
    message: cause instanceof Error ? cause.message : 'The job broke off.',
  };
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

/** A mail that cannot be sent fails no job. */
const tryToNotify = async (notify: () => Promise<void>) => {
  try {
    await notify();
    return true;
  } catch (error) {
    log.warn('the mail was not accepted', { type: endOf(error).kind });
    return false;
  }
};

/**
 * Who sees a job completed finds its mail sent, if the provider takes it at once. A job that broke off
 * is finished first: only then does it know of everyone what became of them.
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
  setCurrentDetails(detailsOf(result));
  if (!isTold) await tryToNotify(() => notifyLater({ jobId, end }));
  return result;
};

/**
 * Claims a job, tells its story, and stores how it ended. A job that has ended before, as after a
 * reset, answers with its stored result and does nothing again.
 */
export const runJob = async (jobId: string, story: Story): Promise<JobResult> => {
  const live: LiveState = { phase: null, pass: 1 };
  setHandler(stateQuery, () => live);
  // Cancelled meanwhile, it has to be claimed all the same, or its end could not be stored.
  const claimed = await CancellationScope.nonCancellable(() =>
    claimJob({ jobId, runId: workflowInfo().runId }),
  );
  if (claimed.finished !== undefined) return claimed.finished;

  const job: JobTeller = {
    enter: async (phase, pass = live.pass) => {
      Object.assign(live, { phase, pass });
      upsertSearchAttributes([{ key: phaseAttribute, value: phase }]);
      setCurrentDetails(`**${phase}**, pass ${pass}, workspace \`${claimed.workspaceId}\``);
      await enterPhase({ jobId, phase });
    },
    leave: () => void (live.phase = null),
  };
  const end = await tellStory(story, job, stepsOf(claimed));
  return CancellationScope.nonCancellable(() => endJob(jobId, claimed, job, end));
};
