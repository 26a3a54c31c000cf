import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { JobRow } from '../../db/jobs/jobs.ts';
import { findHold } from '../../db/users/users.ts';
import { userIdSchema } from '../../selection/selection.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { acceptJob, beginJob } from '../jobs/begin-job.ts';
import { readIdempotency } from '../http/idempotency.ts';
import { describeJob } from '../jobs/job-json.ts';
import { jobSchema, startedJobSchema } from '../jobs/job-schema.ts';
import { waitForEnd, waitSecondsOf } from './prefer-wait.ts';
import { notFound, problem, type ProblemError } from '../http/problems.ts';
import { reasonSchema } from '../jobs/reason.ts';
import { planDeletionOfIds } from './plan-deletion.ts';

const querySchema = z.strictObject({
  notify: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Send a mail about the outcome; by default no mail is sent'),
  reason: reasonSchema.default('single user deletion'),
});

export const registerDeleteUserRoute = (app: App, deps: ApiDeps): void => {
  app.delete(
    '/v1/users/:userId',
    {
      schema: {
        operationId: 'deleteUser',
        summary:
          'Back up, verify and delete one user; with Prefer: wait=10 the response waits for the end',
        tags: ['users'],
        params: z.strictObject({ userId: userIdSchema }),
        querystring: querySchema,
        response: {
          200: jobSchema.describe('The job, which ended within the time of `Prefer`'),
          202: startedJobSchema,
        },
      },
    },
    async (request, reply) => {
      const { userId } = request.params;
      const job = await beginDeletion(request, deps, { userId, ...request.query });
      const seconds = waitSecondsOf(request);
      if (seconds > 0) {
        const ended = await waitForEnd(deps.database.db, job.id, seconds, request);
        if (ended !== undefined && hasHeld(ended)) throw userHeld(`job ${job.id} deleted no user`);
        reply.header('preference-applied', `wait=${seconds}`);
        if (ended !== undefined) return describeJob(ended, request.actor.role, deps);
      }
      return acceptJob(request, reply, job, deps);
    },
  );
};

/** An existing hold is reported at once. The job reports a hold that is set later. */
const beginDeletion = (
  request: FastifyRequest,
  deps: ApiDeps,
  input: { userId: string; reason: string; notify: boolean },
) => {
  const { db } = deps.database;
  const { workspaceId } = request;
  return beginJob(request, readIdempotency(request), deps, async () => {
    const isHeld = await findHold(db, workspaceId, input.userId);
    if (isHeld === undefined) throw notFound('user');
    if (isHeld) throw userHeld('no job was started');
    return planDeletionOfIds(db, workspaceId, { ...input, ids: [input.userId] });
  });
};

const userHeld = (what: string): ProblemError =>
  problem(
    'user-held',
    `The user is under legal hold, so ${what}. Ask the platform team to clear the hold.`,
  );

/** Whether the user was put under hold while the deletion ran. */
const hasHeld = ({ counts }: JobRow): boolean =>
  ((counts ?? {}) as Partial<Record<string, number>>)['held'] === 1;
