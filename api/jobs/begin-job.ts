import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  failUnstarted,
  findJobByKey,
  findJobRow,
  insertJob,
  type JobRow,
  type NewJob,
} from '../../db/jobs/jobs.ts';
import { describeJob, type JobJsonDeps, pathOfJob } from './job-json.ts';
import type { JobJson } from './job-schema.ts';
import { problem } from '../http/problems.ts';

/** Seconds until a caller should read a job again. */
const POLL_SECONDS = '1';

type Idempotency = NonNullable<NewJob['idempotency']>;
export type PlannedJob = Omit<NewJob, 'workspaceId' | 'actorKeyId' | 'idempotency' | 'requestId'>;

const checkSameRequest = (job: JobRow, { requestHash }: Idempotency): JobRow => {
  if (job.request_hash === requestHash) return job;
  throw problem(
    'idempotency-key-reused',
    `This idempotency key was used for job ${job.id} by another request.`,
  );
};

/** The job of an earlier request with the same key; undefined for the first request. */
const findEarlier = async (
  request: FastifyRequest,
  idempotency: Idempotency | undefined,
  { database }: JobJsonDeps,
): Promise<JobRow | undefined> => {
  if (idempotency === undefined) return undefined;
  const job = await findJobByKey(database.db, request.workspaceId, idempotency.key);
  return job === undefined ? undefined : checkSameRequest(job, idempotency);
};

const getJob = async ({ database }: JobJsonDeps, id: string): Promise<JobRow> => {
  const job = await findJobRow(database.db, id, null);
  if (job === undefined) throw new Error(`job ${id} is gone`);
  return job;
};

const write = async (
  request: FastifyRequest,
  wanted: PlannedJob,
  idempotency: Idempotency | undefined,
  deps: JobJsonDeps,
): Promise<JobRow> => {
  const isWritten = await insertJob(deps.database.db, {
    ...wanted,
    workspaceId: request.workspaceId,
    actorKeyId: request.actor.id,
    requestId: request.id,
    ...(idempotency !== undefined && { idempotency }),
  });
  if (isWritten) return getJob(deps, wanted.id);
  // The same key was sent twice at once: the job of the other request exists now.
  const other = await findEarlier(request, idempotency, deps);
  if (other !== undefined) return other;
  throw problem(
    'wrong-state',
    wanted.retry === undefined
      ? 'This preview was already confirmed. Make a new preview.'
      : `Job ${wanted.retry.of} was already retried.`,
  );
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

/**
 * Stores a job and starts its workflow, once per idempotency key.
 * `want` runs only for a new job, so that an earlier job is returned even if its preview has
 * expired.
 */
export const beginJob = async (
  request: FastifyRequest,
  idempotency: Idempotency | undefined,
  deps: JobJsonDeps,
  want: () => Promise<PlannedJob>,
): Promise<JobRow> => {
  const earlier = await findEarlier(request, idempotency, deps);
  const job = earlier ?? (await write(request, await want(), idempotency, deps));
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
