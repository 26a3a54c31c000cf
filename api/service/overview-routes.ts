import { z } from 'zod';
import { countAddedUntil, countAttention, EXPIRING_DAYS, listDays } from '../../db/overview.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { COUNT_DEADLINE_MS } from '../http/limits.ts';
import type { CountInTurn } from '../users/timed-count.ts';

const DEFAULT_DAYS = 30;
const MAX_DAYS = 90;

const daysSchema = z
  .string()
  .regex(/^[1-9]\d?$/, `must be a whole number from 1 to ${MAX_DAYS}`)
  .transform(Number)
  .refine((days) => days <= MAX_DAYS, `must be at most ${MAX_DAYS}`)
  .default(DEFAULT_DAYS)
  .meta({
    type: 'integer',
    minimum: 1,
    maximum: MAX_DAYS,
    description: `Number of days, with today; the default is ${DEFAULT_DAYS}.`,
  });

const daySchema = z.object({
  day: z.string().describe('YYYY-MM-DD, in UTC'),
  added: z
    .int()
    .nullable()
    .describe(
      'Users that were created on this day and still exist. Null for all days without a ' +
        `workspace, if counting took longer than ${COUNT_DEADLINE_MS / 1000} seconds, or if too ` +
        'many other counts were in progress',
    ),
  imported: z.int().describe('Lines of imports that created or changed a user'),
  deleted: z.int(),
  restored: z.int(),
});

const attentionSchema = z.object({
  unfinishedJobs: z.int(),
  retryableJobs: z.int().describe('Jobs of these days that can be retried'),
  requestsToDecide: z
    .int()
    .describe('Delete-all requests that the platform team can approve or deny now'),
  openWindows: z.int().describe('Delete-all requests that can be run now'),
  damagedBackups: z.int(),
  expiringBackups: z.int().describe(`Backups that expire within ${EXPIRING_DAYS} days`),
});

const overviewSchema = z
  .object({
    days: z.array(daySchema).describe('The oldest first. A job counts on the day of its end'),
    attention: attentionSchema.describe('Numbers of things that may need a person'),
  })
  .meta({ id: 'Overview' });

export const registerOverviewRoutes = (
  app: App,
  { database: { db } }: ApiDeps,
  countInTurn: CountInTurn,
): void => {
  app.get(
    '/v1/overview',
    {
      schema: {
        operationId: 'getOverview',
        summary: 'Count users by day, and what needs attention, in one workspace or in all',
        tags: ['workspaces'],
        querystring: z.strictObject({ days: daysSchema }),
        response: { 200: overviewSchema.describe('The counts') },
      },
    },
    async ({ access: { workspaceId }, query: { days } }, reply) => {
      const perDay = await listDays(db, { workspaceId, days });
      const attention = await countAttention(db, { workspaceId, days });
      const added =
        workspaceId === null
          ? null
          : await countInTurn(workspaceId, reply.raw, ({ pool, timeoutMs, signal }) =>
              countAddedUntil(pool, { workspaceId, days, timeoutMs }, signal),
            );
      const addedOn = (day: string) => (added === null ? null : (added.get(day) ?? 0));
      return { days: perDay.map((sums) => ({ ...sums, added: addedOn(sums.day) })), attention };
    },
  );
};
