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
  closeImport,
  closeRestore,
  resultOf,
  withUnreached,
} from '../../rules/job-sums.ts';
import type { JobEnd, JobInput } from '../../workflows/contract.ts';
import type { ActivityDeps } from '../deps.ts';
import { knownEnd } from '../failure-types.ts';
import { findJobOf, type RunningJob } from './running-job.ts';
import { settle } from '../deletions/settle-pass.ts';

/** The end of a job after its sums were compared, and its counts. */
interface Ending {
  end: JobEnd;
  counts: Record<string, number>;
}

/** Gives an outcome to the users that an interrupted deletion did not reach, pass by pass. */
const settleInterrupted = async (deps: ActivityDeps, job: RunningJob): Promise<void> => {
  const { db } = deps.database;
  await enterPhase(db, job.id, 'settling');
  const last = await lastPassOf(db, job.id);
  for (let pass = 1; pass <= last; pass++) await settle(deps, job, pass, 'interrupted');
};

const finishDeletion = async (
  deps: ActivityDeps,
  job: RunningJob,
  end: JobEnd,
): Promise<Ending> => {
  if (end.kind !== 'completed') await settleInterrupted(deps, job);
  const summed = withUnreached((await jobSummary(deps.database.db, job.id)).counts, end);
  const counts = { ...summed, selected: summed.selected ?? 0 };
  return { end: closeDeletion(counts, end, job.selection), counts };
};

const finishExport = async (deps: ActivityDeps, job: RunningJob, end: JobEnd): Promise<Ending> => {
  const { db } = deps.database;
  const summary = await jobSummary(db, job.id);
  const exported = end.kind === 'completed' ? (summary.exports[0]?.rows ?? 0) : 0;
  const { selection } = job;
  const entries = selection.type === 'list' ? selection.entries : undefined;
  const chosen = entries ?? (await countTargets(db, job.id, 1));
  const counts = {
    selected: chosen || (summary.counts.selected ?? exported),
    exported,
    notFound: end.kind === 'completed' ? Math.max(chosen - exported, 0) : 0,
  };
  return { end, counts };
};

const finishRestore = async (deps: ActivityDeps, job: RunningJob, end: JobEnd): Promise<Ending> => {
  const { db } = deps.database;
  if (end.kind !== 'completed' && job.backupId !== null) {
    // From now on no chunk of an attempt that still runs can commit.
    await enterPhase(db, job.id, 'settling');
    await settleRestore(db, { ...job, backupId: job.backupId }, true);
  }
  const counts = await countRestore(db, job.id);
  return { end: closeRestore(counts, end), counts: { ...counts } };
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
    // A step of a cancelled job fails. This counts as the cancellation, not as a failure.
    const told: JobEnd =
      end.kind === 'failed' && job.state === 'cancelling' ? { kind: 'cancelled' } : knownEnd(end);
    const { workspaceId, type } = job;
    const { end: closed, counts } = await FINISHERS[type](deps, job, told);
    const result = resultOf(type, closed, counts);
    return finishJob(db, { jobId, workspaceId, type, result, counts });
  };
