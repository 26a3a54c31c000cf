import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  failUnstarted,
  findJobByKey,
  findJobOfPreview,
  findJobRow,
  insertJob,
  type JobRow,
  type NewJob,
} from '../../db/jobs/jobs.ts';
import { previewUsed } from '../deletions/confirmed-preview.ts';
import { describeJob, type JobJsonDeps, pathOfJob } from './job-json.ts';
import type { JobJson } from './job-schema.ts';
import { type Idempotency, oncePerKey } from '../http/idempotency.ts';
import { problem, type ProblemError } from '../http/problems.ts';

/** Seconds until a caller should read a job again. */
const POLL_SECONDS = '1';

export type PlannedJob = Omit<NewJob, 'workspaceId' | 'actorKeyId' | 'idempotency' | 'requestId'>;

/**
 * Stores a job and starts its workflow, once per idempotency key.
 * `plan` runs only for a new job, so that an earlier job is returned even if its preview has
 * expired.
 */
export const beginJob = async (
  request: FastifyRequest,
  idempotency: Idempotency | undefined,
  deps: JobJsonDeps,
  plan: () => Promise<PlannedJob>,
): Promise<JobRow> => {
  let planned: PlannedJob | undefined;
  const job = await oncePerKey(idempotency, {
    find: (key) => findJobByKey(deps.database.db, request.workspaceId, key),
    usedFor: ({ id }) => `job ${id} by another request`,
    write: async () => {
      planned = await plan();
      return write(request, planned, idempotency, deps);
    },
  });
  if (job === undefined) throw await alreadyBegun(request, deps, planned);
  request.access.jobId = job.id;
  await start(job, deps);
  return job;
};

/** Sets `Location` and returns the job. */
export const acceptJob = async (
  request: FastifyRequest,
  reply: FastifyReply,
  job: JobRow,
  deps: JobJsonDeps,
): Promise<JobJson> => {
  const fresh = await getJob(deps, job.id);
  reply.code(202).header('location', pathOfJob(fresh)).header('retry-after', POLL_SECONDS);
  return describeJob(fresh, request.actor.role, deps);
};

/** The problem of a job that cannot begin, because another job has its preview or retried job. */
const alreadyBegun = async (
  { workspaceId }: Pick<FastifyRequest, 'workspaceId'>,
  { database: { db } }: JobJsonDeps,
  planned: PlannedJob | undefined,
): Promise<ProblemError> => {
  const { previewId, retry } = planned ?? {};
  const jobId =
    retry === undefined
      ? previewId && (await findJobOfPreview(db, workspaceId, previewId))?.id
      : (await findJobRow(db, retry.of, null))?.retried_by;
  const data = jobId ? { jobId } : undefined;
  return retry === undefined
    ? previewUsed(data)
    : problem('wrong-state', `Job ${retry.of} was already retried.`, { data });
};

/** Undefined if another job has the same key, preview or retried job. */
const write = async (
  request: FastifyRequest,
  planned: PlannedJob,
  idempotency: Idempotency | undefined,
  deps: JobJsonDeps,
): Promise<JobRow | undefined> => {
  const isWritten = await insertJob(deps.database.db, {
    ...planned,
    workspaceId: request.workspaceId,
    actorKeyId: request.actor.id,
    requestId: request.id,
    ...(idempotency !== undefined && { idempotency }),
  });
  return isWritten ? getJob(deps, planned.id) : undefined;
};

const getJob = async ({ database }: JobJsonDeps, id: string): Promise<JobRow> => {
  const job = await findJobRow(database.db, id, null);
  if (job === undefined) throw new Error(`job ${id} no longer exists`);
  return job;
};

/** Starts a queued job: a new job, or a job whose start was lost in a crash. */
const start = async (job: JobRow, deps: JobJsonDeps): Promise<void> => {
  if (job.state !== 'queued') return;
  try {
    await deps.jobs.start({ id: job.id, type: job.type, workspaceId: job.workspace_id });
  } catch (cause) {
    if (job.idempotency_key !== null) {
      throw problem(
        'temporal-unavailable',
        `Job ${job.id} was stored but not started. Send the same request with the same key again to start this job.`,
        { cause },
      );
    }
    const message = 'Temporal was not available to start the job. Nothing was done.';
    if (!(await failUnstarted(deps.database.db, job.id, message))) return;
    throw problem('temporal-unavailable', 'Temporal does not respond. Nothing was started.', {
      cause,
    });
  }
};
