import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { findRequest } from '../../db/delete-all-requests.ts';
import { findJobRow, type JobRow } from '../../db/jobs.ts';
import { leftOnlyUnmatched, namesAllLeft } from '../../db/retries.ts';
import type { ApiDeps, App } from '../app.ts';
import { acceptJob, beginJob, type WantedJob } from '../begin-job.ts';
import { readIdempotency } from '../idempotency.ts';
import { jobSchema } from '../job-schema.ts';
import { notFound, problem } from '../problems.ts';
import { reasonSchema } from '../reason.ts';

/** No body at all is read as null. */
const bodySchema = z
  .strictObject({ reason: reasonSchema.optional() })
  .nullable()
  .describe("Why; the first job's reason when not given");

const whyNot = async ({ database }: ApiDeps, job: JobRow): Promise<string> => {
  if (job.finished_at === null) return 'still runs';
  if (job.retried_by !== null) return `was retried by job ${job.retried_by}`;
  if (job.file_removed_at !== null) return 'read a file that is removed';
  if (await leftOnlyUnmatched(database.db, job.id)) {
    return 'left only users who no longer match its selection: make a new preview';
  }
  if (job.error_type !== null) return `ended with ${job.error_type}, which needs a new request`;
  return 'left nothing undone';
};

/** A run of a delete-all request is retried while the window it was approved for is open, no longer. */
const requireWindow = async ({ database: { db } }: ApiDeps, job: JobRow): Promise<void> => {
  if (job.parent_id === null) return;
  const request = await findRequest(db, job.parent_id, job.workspace_id);
  if (request?.is_in_window === true) return;
  throw problem('window-closed', `The window of request ${job.parent_id} is closed.`);
};

/**
 * A job over what another has left: the very users where outcomes name them all, else its selection
 * again, bound to what was confirmed for the first one.
 */
const wantRetry = async (
  deps: ApiDeps,
  job: JobRow,
  reason: string | undefined,
): Promise<WantedJob> => {
  if (!job.is_retryable) throw problem('wrong-state', `Job ${job.id} ${await whyNot(deps, job)}.`);
  await requireWindow(deps, job);
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
    ...(job.parent_id !== null && { parentId: job.parent_id }),
  };
};

export const registerRetryRoutes = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/jobs/:id/retry',
    {
      schema: {
        operationId: 'retryJob',
        summary: 'Try again what a job has left undone, with a fresh backup',
        tags: ['jobs'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        body: bodySchema,
        response: { 202: jobSchema },
      },
    },
    async (request, reply) => {
      const job = await findJobRow(deps.database.db, request.params.id, request.access.workspaceId);
      if (job === undefined) throw notFound('job');
      request.access.workspaceId = job.workspace_id;
      const retry = await beginJob(request, readIdempotency(request), deps, () =>
        wantRetry(deps, job, request.body?.reason),
      );
      return acceptJob(request, reply, retry, deps);
    },
  );
};
