import type { FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { findJobRow, type JobRow } from '../../db/jobs/jobs.ts';
import { leftOnlyUnmatched, namesAllLeft } from '../../db/jobs/retries.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { decide } from '../delete-all/decide.ts';
import { acceptJob, beginJob, type PlannedJob } from './begin-job.ts';
import { readIdempotency } from '../http/idempotency.ts';
import { jobSchema } from './job-schema.ts';
import { notFound, problem } from '../http/problems.ts';
import { reasonSchema } from './reason.ts';

/** A missing body is read as null. */
const bodySchema = z
  .strictObject({ reason: reasonSchema.optional() })
  .nullable()
  .describe('The reason; by default the reason of the first job')
  .meta({ examples: [{ reason: 'The storage has free space again' }] });

export const registerRetryRoutes = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/jobs/:id/retry',
    {
      schema: {
        operationId: 'retryJob',
        summary: 'Retry the remaining work of a job, with a new backup',
        tags: ['jobs'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        body: bodySchema,
        response: {
          202: jobSchema.describe(
            'The new job. It runs in the background; read its state at `Location`',
          ),
        },
      },
    },
    async (request, reply) => {
      const job = await findJobRow(deps.database.db, request.params.id, request.access.workspaceId);
      if (job === undefined) throw notFound('job');
      request.access.workspaceId = job.workspace_id;
      const reason = request.body?.reason;
      const retry =
        job.parent_id === null
          ? await beginJob(request, readIdempotency(request), deps, () =>
              planRetry(deps, job, reason),
            )
          : await retryRun(request, deps, job, job.parent_id, reason);
      return acceptJob(request, reply, retry, deps);
    },
  );
};

/**
 * A job for the remaining users of another job: the users in its outcomes if these are complete,
 * otherwise its selection, bound to the confirmation of the first job.
 */
const planRetry = async (
  deps: ApiDeps,
  job: JobRow,
  reason: string | undefined,
): Promise<PlannedJob> => {
  await requireRetryable(deps, job);
  const isPartial =
    job.type === 'deletion' || (job.type === 'restore' && job.state === 'partiallySucceeded');
  const isLeft = isPartial && (await namesAllLeft(deps.database.db, job.id));
  const why = reason ?? job.reason;
  return {
    id: uuidv7(),
    type: job.type,
    selection: job.selection as object,
    options: job.options as object,
    retry: { of: job.id, users: isLeft ? 'left' : 'all' },
    ...(why !== null && { reason: why }),
    ...(job.backup_id !== null && { backupId: job.backup_id }),
    ...(job.import_file_id !== null && { importFile: { id: job.import_file_id } }),
  };
};

const requireRetryable = async (deps: ApiDeps, job: JobRow): Promise<void> => {
  if (job.is_retryable) return;
  throw problem('wrong-state', `Job ${job.id} ${await whyNot(deps, job)}.`, {
    data: { jobId: job.retried_by ?? job.id },
  });
};

const whyNot = async ({ database }: ApiDeps, job: JobRow): Promise<string> => {
  if (job.finished_at === null) return 'is still running';
  if (job.retried_by !== null) return `was retried by job ${job.retried_by}`;
  if (job.file_removed_at !== null) return 'has an import file that was removed';
  if (job.type === 'import' && job.state === 'partiallySucceeded') {
    return 'processed every line: fix the lines in its log, then import the log';
  }
  if (await leftOnlyUnmatched(database.db, job.id)) {
    return 'has no users to retry: the remaining users no longer match its selection. Make a new preview';
  }
  if (job.error_type !== null) return `ended with ${job.error_type}, which requires a new request`;
  return 'has no work left to do';
};

/** A run of a delete-all request is retried by a decision on the request. */
const retryRun = async (
  request: FastifyRequest,
  deps: ApiDeps,
  job: JobRow,
  parentId: string,
  reason: string | undefined,
): Promise<JobRow> => {
  await decide(request, deps, parentId, async () => {
    await requireRetryable(deps, job);
    return { kind: 'retry', jobId: job.id, reason };
  });
  const { retried_by: id } = (await findJobRow(deps.database.db, job.id, null)) ?? {};
  const retry = id == null ? undefined : await findJobRow(deps.database.db, id, null);
  if (retry === undefined) throw new Error(`job ${job.id} has no retry`);
  return retry;
};
