import {
  enterPhase,
  findStoredResult,
  finishJob,
  lastPassOf,
  type StoredResult,
} from '../../db/jobs/job-runs.ts';
import { jobSummary } from '../../db/jobs/job-summary.ts';
import { sumImport } from '../../db/imports/imports.ts';
import { countRestore, settleRestore } from '../../db/restores/restores.ts';
import { countTargets } from '../../db/jobs/settlement.ts';
import {
  closeDeletion,
  closeExport,
  closeImport,
  closeRestore,
  resultOf,
  withUnprocessed,
  withUnreached,
} from '../../rules/job-sums.ts';
import type { JobEnd, JobInput } from '../../workflows/contracts/jobs.ts';
import type { ActivityDeps } from '../deps.ts';
import { knownEnd } from '../failure-types.ts';
import { type AnyJob, findJobOf, type RunningJob } from './running-job.ts';
import { settle } from '../deletions/settle-pass.ts';
import { settleOrEnd } from './settle-or-end.ts';

/** The end of a job after its sums were compared, and its counts. */
interface Ending {
  end: JobEnd;
  counts: Record<string, number>;
}

/** Gives an outcome to the users that an interrupted deletion did not reach, pass by pass. */
const settleInterrupted = async (deps: ActivityDeps, job: RunningJob): Promise<void> => {
  const { db } = deps.database;
  await enterPhase(db, job.id, 'settling');
  await settleOrEnd(db, job.id, async () => {
    const last = await lastPassOf(db, job.id);
    for (let pass = 1; pass <= last; pass++) await settle(deps, job, pass, 'interrupted');
  });
};

const finishDeletion = async (
  deps: ActivityDeps,
  job: RunningJob,
  end: JobEnd,
): Promise<Ending> => {
  if (end.kind !== 'completed') await settleInterrupted(deps, job);
  const summed = withUnreached((await jobSummary(deps.database.db, job.id)).counts, end);
  const counts = { ...summed, selected: summed.selected ?? 0 };
  return { end: closeDeletion(summed, end, job.selection), counts };
};

const finishExport = async (deps: ActivityDeps, job: RunningJob, end: JobEnd): Promise<Ending> => {
  const { db } = deps.database;
  const summary = await jobSummary(db, job.id);
  const closed = closeExport(summary.exports, end);
  const exported = closed.kind === 'completed' ? (summary.exports[0]?.rows ?? 0) : 0;
  const { selection } = job;
  const entries = selection.type === 'list' ? selection.entries : undefined;
  const chosen = entries ?? (await countTargets(db, job.id, 1));
  const counts = {
    selected: chosen || (summary.counts.selected ?? exported),
    exported,
    notFound: closed.kind === 'completed' ? Math.max(chosen - exported, 0) : 0,
  };
  return { end: closed, counts };
};

const finishRestore = async (deps: ActivityDeps, job: RunningJob, end: JobEnd): Promise<Ending> => {
  const { db } = deps.database;
  const { backupId } = job;
  let isSettled = true;
  if (end.kind !== 'completed' && backupId !== null) {
    // From now on no chunk of an attempt that still runs can commit.
    await enterPhase(db, job.id, 'settling');
    isSettled = await settleOrEnd(db, job.id, () => settleRestore(db, { ...job, backupId }, true));
  }
  const sum = await countRestore(db, job.id);
  const counts = { ...(isSettled ? sum : withUnprocessed(sum)) };
  return { end: closeRestore(counts, end), counts };
};

const finishImport = async (deps: ActivityDeps, job: RunningJob, end: JobEnd): Promise<Ending> => {
  const { db } = deps.database;
  // Waits for a chunk that is being written. After that no chunk can commit, so the sums are final.
  await enterPhase(db, job.id, 'settling');
  const sum = await sumImport(db, job.id);
  return { end: closeImport(sum, end), counts: { ...sum.counts } };
};

const FINISHERS = {
  export: finishExport,
  import: finishImport,
  deletion: finishDeletion,
  restore: finishRestore,
};

/** Stores how a job ended, once. A later call returns the stored result. */
export const createFinishJob =
  (deps: ActivityDeps) =>
  async ({ jobId, end }: JobInput & { end: JobEnd }): Promise<StoredResult> => {
    const { db } = deps.database;
    const stored = await findStoredResult(db, jobId);
    if (stored !== undefined) return stored;
    const job = await findJobOf(db, jobId);
    const { workspaceId, type } = job;
    const { end: closed, counts } = await FINISHERS[type](deps, job, endOf(job, end));
    const result = resultOf(type, closed, counts);
    return finishJob(db, { jobId, workspaceId, type, result, counts });
  };

/**
 * How a job ended. A job that sends or sent its mail has done all its steps: no caller can report
 * another end than the mail. A step of a cancelled job fails: this counts as the cancellation.
 */
const endOf = ({ state, phase, isMailed }: AnyJob, end: JobEnd): JobEnd => {
  if (phase === 'notifying' || isMailed) return { kind: 'completed' };
  if (end.kind === 'failed' && state === 'cancelling') return { kind: 'cancelled' };
  return knownEnd(end);
};
