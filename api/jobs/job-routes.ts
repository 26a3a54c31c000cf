import { z } from 'zod';
import { listJobs, UNFINISHED_STATES } from '../../db/jobs/job-list.ts';
import { cancelJob, findJobRow, type JobRow } from '../../db/jobs/jobs.ts';
import { JOB_STATES, type JobState } from '../../db/schema.ts';
import { capitalized } from '../../rules/capitalized.ts';
import { acceptJob } from './begin-job.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { briefly, describeJobs, describeLiveJob } from './job-json.ts';
import { JOB_TYPES, jobSchema } from './job-schema.ts';
import {
  cursorSchema,
  decodeIdCursor,
  limitSchema,
  pageOf,
  positionIn,
  toPage,
  valuesSchema,
} from '../http/paging.ts';
import { actorShape, periodShape, requireOrder } from '../http/period.ts';
import { notFound, problem } from '../http/problems.ts';
import { JOB_KINDS, type JobType } from '../../workflows/contracts/jobs.ts';

const idParams = z.strictObject({ id: z.uuid() });

/** Stands for the states of jobs that have not ended. */
const ACTIVE = 'active';

export const registerJobRoutes = (app: App, deps: ApiDeps): void => {
  app.get(
    '/v1/jobs',
    {
      schema: {
        operationId: 'listJobs',
        summary: 'List the jobs of one workspace or of all, newest first',
        tags: ['jobs'],
        querystring: z.strictObject({
          type: valuesSchema(JOB_TYPES),
          state: valuesSchema(
            [...JOB_STATES, ACTIVE],
            `\`${ACTIVE}\` stands for ${UNFINISHED_STATES.join(', ')}`,
          ),
          ...actorShape,
          ...periodShape,
          retryable: z.literal('true').optional().describe('Only jobs that can be retried'),
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: { 200: pageOf(jobSchema).describe('A page of jobs') },
      },
    },
    async ({ access, actor, query }) => {
      const { type, state, retryable, cursor, limit, ...wanted } = query;
      requireOrder(wanted);
      const rows = await listJobs(deps.database.db, {
        workspaceId: access.workspaceId,
        ...wanted,
        types: type,
        states: statesOf(state),
        retryable: retryable && true,
        beforeId: decodeIdCursor('jobs', cursor),
        limit: limit + 1,
      });
      const page = toPage(rows, limit, positionIn('jobs'));
      const data = await describeJobs(page.rows, actor.role, deps);
      return { data: data.map(briefly), nextCursor: page.nextCursor };
    },
  );
  registerOneJob(app, deps);
  registerCancel(app, deps);
};

const statesOf = (given: readonly (JobState | typeof ACTIVE)[] | undefined) =>
  given?.flatMap((state) => (state === ACTIVE ? UNFINISHED_STATES : [state]));

const registerOneJob = (app: App, deps: ApiDeps): void => {
  for (const type of [undefined, ...JOB_TYPES]) {
    const noun = type ?? 'job';
    const path = type === undefined ? 'jobs' : JOB_KINDS[type].path;
    app.get(
      `/v1/${path}/:id`,
      {
        schema: {
          operationId: `get${capitalized(noun)}`,
          summary: `Get a ${noun} with its progress`,
          tags: [path],
          params: idParams,
          querystring: z.strictObject({}),
          response: { 200: jobSchema.describe('The current job') },
        },
      },
      async ({ access, actor, params: { id } }) => {
        const job = await getJob(deps, id, access.workspaceId, type);
        return describeLiveJob(job, actor.role, deps);
      },
    );
  }
};

/** A job in a workspace that the caller can access. @throws ProblemError 404 */
const getJob = async (
  { database }: ApiDeps,
  id: string,
  workspaceId: string | null,
  type?: JobType,
): Promise<JobRow> => {
  const job = await findJobRow(database.db, id, workspaceId);
  if (job === undefined || (type !== undefined && job.type !== type)) throw notFound(type ?? 'job');
  return job;
};

const registerCancel = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/jobs/:id/cancel',
    {
      schema: {
        operationId: 'cancelJob',
        summary: 'Cancel a job; it stops after the current batch',
        tags: ['jobs'],
        params: idParams,
        querystring: z.strictObject({}),
        response: { 202: jobSchema.describe('The job, which ends after the current batch') },
      },
    },
    async (request, reply) => {
      const { workspaceId } = request.access;
      const job = await getJob(deps, request.params.id, workspaceId);
      const isChanged = await cancelJob(deps.database.db, {
        id: job.id,
        actorKeyId: request.actor.id,
      });
      const now = await getJob(deps, job.id, workspaceId);
      if (!isChanged && now.state !== 'cancelling' && now.state !== 'cancelled') {
        throw problem('wrong-state', `Job ${job.id} has already ended (${now.state}).`, {
          data: { jobId: job.id },
        });
      }
      // The row alone stops the next batch. A call to Temporal stops the workflow sooner.
      await deps.jobs.cancel(job).catch((error: unknown) => {
        request.log.warn({ jobId: job.id, err: error }, 'the cancel was not sent to the workflow');
      });
      return acceptJob(request, reply, now, deps);
    },
  );
};
