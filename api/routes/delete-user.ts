import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { countExistingUsers } from '../../db/previews.ts';
import { userIdSchema } from '../../selection/selection.ts';
import type { ApiDeps, App } from '../app.ts';
import { acceptJob, beginJob } from '../begin-job.ts';
import { readIdempotency } from '../idempotency.ts';
import { describeJob } from '../job-json.ts';
import { jobSchema } from '../job-schema.ts';
import { waitForEnd, waitSecondsOf } from '../prefer-wait.ts';
import { notFound } from '../problems.ts';
import { reasonSchema } from '../reason.ts';
import { wantDeletionOfIds } from '../want-deletion.ts';

const querySchema = z.strictObject({
  notify: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Mail the outcome; not when not given'),
  reason: reasonSchema.default('single user deletion'),
});

const beginDeletion = (
  request: FastifyRequest,
  deps: ApiDeps,
  wish: { userId: string; reason: string; notify: boolean },
) => {
  const { db } = deps.database;
  const { workspaceId } = request;
  return beginJob(request, readIdempotency(request), deps, async () => {
    if ((await countExistingUsers(db, workspaceId, [wish.userId])) === 0) throw notFound('user');
    return wantDeletionOfIds(db, workspaceId, { ...wish, ids: [wish.userId] });
  });
};

export const registerDeleteUserRoute = (app: App, deps: ApiDeps): void => {
  app.delete(
    '/v1/users/:userId',
    {
      schema: {
        operationId: 'deleteUser',
        summary: 'Back up, verify, and delete one user; with Prefer: wait=10 it waits for the end',
        tags: ['users'],
        params: z.strictObject({ userId: userIdSchema }),
        querystring: querySchema,
        response: { 200: jobSchema, 202: jobSchema },
      },
    },
    async (request, reply) => {
      const { userId } = request.params;
      const job = await beginDeletion(request, deps, { userId, ...request.query });
      const seconds = waitSecondsOf(request);
      if (seconds > 0) {
        reply.header('preference-applied', `wait=${seconds}`);
        const ended = await waitForEnd(deps.database.db, job.id, seconds, request);
        if (ended !== undefined) return describeJob(ended, request.actor.role, deps);
      }
      return acceptJob(request, reply, job, deps);
    },
  );
};
