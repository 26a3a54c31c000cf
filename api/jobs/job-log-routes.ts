import { z } from 'zod';
import { findJobRow } from '../../db/jobs/jobs.ts';
import { JOB_KINDS } from '../../workflows/contracts/jobs.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { csvQueryShape, type SendCsv, sendJobLog } from './job-log.ts';
import { notFound } from '../http/problems.ts';

const OF_USERS = 'The records as one CSV file: userId, outcome, reason';

/** Types of jobs with a log, and the description of the log. */
const LOGS = {
  import: {
    operationId: 'getImportLog',
    summary:
      'The records as a CSV file with the columns and the separator of the import file, and a last column ' +
      '`error`. Fix the values, then import the file as it is',
  },
  deletion: { operationId: 'getDeletionLog', summary: OF_USERS },
  restore: { operationId: 'getRestoreLog', summary: OF_USERS },
} as const;

type LoggedType = keyof typeof LOGS;

/** The records of a job as one file. */
export const registerJobLogRoutes = (app: App, deps: ApiDeps, sendCsv: SendCsv): void => {
  for (const type of Object.keys(LOGS) as LoggedType[]) registerLog(app, deps, type, sendCsv);
};

const registerLog = (app: App, deps: ApiDeps, type: LoggedType, sendCsv: SendCsv): void => {
  const { database } = deps;
  const { path } = JOB_KINDS[type];
  app.get(
    `/v1/${path}/:id/log`,
    {
      schema: {
        ...LOGS[type],
        tags: [path],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject(csvQueryShape),
        response: {
          200: { description: 'The log', content: { 'text/csv': { schema: z.string() } } },
        },
      },
    },
    async ({ workspaceId, params: { id }, query }, reply) => {
      const job = await findJobRow(database.db, id, workspaceId);
      if (job?.type !== type) throw notFound(type);
      return sendJobLog(deps, sendCsv, reply, job, query);
    },
  );
};
