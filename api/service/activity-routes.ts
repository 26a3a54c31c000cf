import { z } from 'zod';
import {
  activityLog,
  type ActivityLine,
  findActivity,
  listActivity,
} from '../../db/activity-log.ts';
import { ACTIVITY_KINDS } from '../../db/activity.ts';
import { findJobRow } from '../../db/jobs/jobs.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { pathOfJob } from '../jobs/job-json.ts';
import { csvQueryShape, hasLog, type SendCsv, sendJobLog } from '../jobs/job-log.ts';
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
import { notFound } from '../http/problems.ts';

const querySchema = z.strictObject({
  kind: valuesSchema(ACTIVITY_KINDS),
  ...actorShape,
  jobId: z.uuid().optional(),
  ...periodShape,
  format: z
    .enum(['json', 'csv'])
    .default('json')
    .describe('`csv`: all matching lines as one file; cursor and limit are ignored'),
  ...csvQueryShape,
  cursor: cursorSchema,
  limit: limitSchema,
});

const entrySchema = z
  .object({
    id: z.uuid(),
    workspace: z.string().nullable().describe('Null for keys without a workspace'),
    at: z.iso.datetime(),
    kind: z.enum(ACTIVITY_KINDS),
    actor: z
      .object({ id: z.uuid(), role: z.string(), ownerName: z.string() })
      .nullable()
      .describe(
        'Null for actions by the service, by the holder of a link, or by a command of an operator',
      ),
    reason: z.string().nullable(),
    counts: z.record(z.string(), z.number()),
    details: z.record(z.string(), z.unknown()).describe('States, timestamps, checksums'),
    jobId: z.uuid().nullable(),
    exportId: z.uuid().nullable(),
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'ActivityEntry' });

/** The activity log, with links to the records of jobs. */
export const registerActivityRoutes = (app: App, deps: ApiDeps, sendCsv: SendCsv): void => {
  registerList(app, deps, sendCsv);
  registerLog(app, deps, sendCsv);
};

const registerList = (app: App, { database: { db } }: ApiDeps, sendCsv: SendCsv): void => {
  app.get(
    '/v1/activity',
    {
      schema: {
        operationId: 'listActivity',
        summary: 'List the actions in one workspace or in all, newest first; entries never change',
        tags: ['activity'],
        querystring: querySchema,
        response: {
          200: {
            description: 'A page or a file',
            content: {
              'application/json': { schema: pageOf(entrySchema) },
              'text/csv': { schema: z.string() },
            },
          },
        },
      },
    },
    async (
      { access: { workspaceId }, query: { format, cursor, limit, spreadsheetSafe, ...wanted } },
      reply,
    ) => {
      requireOrder(wanted);
      const { kind: kinds, ...others } = wanted;
      const filter = { workspaceId, kinds, ...others };
      const beforeId = decodeIdCursor('activity', cursor);
      if (format === 'csv') {
        const fileName = workspaceId === null ? 'activity.csv' : `activity-${workspaceId}.csv`;
        return sendCsv(reply, { fileName, query: activityLog(filter), spreadsheetSafe });
      }
      const lines = await listActivity(db, filter, { beforeId, limit: limit + 1 });
      const page = toPage(lines, limit, positionIn('activity'));
      return { data: page.rows.map(toEntry), nextCursor: page.nextCursor };
    },
  );
};

const toEntry = (line: ActivityLine): z.infer<typeof entrySchema> => ({
  id: line.id,
  workspace: line.workspace_id,
  at: line.at.toISOString(),
  kind: line.kind as z.infer<typeof entrySchema>['kind'],
  actor: actorOf(line),
  reason: line.reason,
  counts: line.counts as Record<string, number>,
  details: line.details as Record<string, unknown>,
  jobId: line.job_id,
  exportId: line.export_id,
  links: linksOf(line),
});

const actorOf = ({ actor_shown_id: id, actor_role: role, actor_name: ownerName }: ActivityLine) =>
  id === null || role === null || ownerName === null ? null : { id, role, ownerName };

const linksOf = (line: ActivityLine): Record<string, string> => {
  const { job_id: id, job_type: type, export_id: exportId } = line;
  const hasRecords = type !== null && hasLog({ type }) && line.job_erased_at === null;
  return {
    ...(id !== null && type !== null && { job: pathOfJob({ id, type }) }),
    ...(hasRecords && { log: `/v1/activity/${line.id}/log` }),
    ...(line.export_purpose === 'backup' && { backup: `/v1/backups/${exportId}` }),
  };
};

const registerLog = (app: App, deps: ApiDeps, sendCsv: SendCsv): void => {
  const { db } = deps.database;
  app.get(
    '/v1/activity/:id/log',
    {
      schema: {
        operationId: 'getActivityLog',
        summary: 'Download the outcome for each user of the job of a log line, as CSV',
        tags: ['activity'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject(csvQueryShape),
        response: {
          200: { description: 'The log', content: { 'text/csv': { schema: z.string() } } },
        },
      },
    },
    async ({ workspaceId, params: { id }, query }, reply) => {
      const line = await findActivity(db, id, workspaceId);
      if (line === undefined) throw notFound('line in the activity log');
      const job = line.job_id === null ? undefined : await findJobRow(db, line.job_id, workspaceId);
      if (job === undefined || !hasLog(job)) throw notFound('log of this line');
      return sendJobLog(deps, sendCsv, reply, job, query);
    },
  );
};
