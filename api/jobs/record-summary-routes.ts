import { z } from 'zod';
import { summarizeImportFailures } from '../../db/imports/import-failures.ts';
import { findJobRow, type JobRow } from '../../db/jobs/jobs.ts';
import { summarizeOutcomes } from '../../db/jobs/record-summary.ts';
import { FAILURE_CODES } from '../../imports/log/failed-lines.ts';
import { capitalized } from '../../rules/capitalized.ts';
import { JOB_KINDS } from '../../workflows/contracts/jobs.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { MAX_SUMMARIES_AT_ONCE, MAX_SUMMARIES_OF_WORKSPACE } from '../http/limits.ts';
import { notFound } from '../http/problems.ts';
import { createShares, type TakeShare } from '../shares.ts';
import { requireRecords } from './job-log.ts';
import { OUTCOMES, RECORDED_TYPES, type RecordedType, type RecordOutcome } from './job-outcomes.ts';

const codeSchema = z.object({ code: z.enum(FAILURE_CODES), count: z.int() });

const paramsSchema = z.strictObject({ id: z.uuid() });

/** How many users or lines have each outcome. Unlike records, for every role: no id is shown. */
export const registerRecordSummaryRoutes = (app: App, deps: ApiDeps): void => {
  const take = createShares({
    all: MAX_SUMMARIES_AT_ONCE,
    each: MAX_SUMMARIES_OF_WORKSPACE,
    what: 'concurrent summaries of records',
  });
  for (const type of RECORDED_TYPES) registerOfUsers(app, deps, type, take);
  registerOfLines(app, deps);
};

const registerOfUsers = (app: App, deps: ApiDeps, type: RecordedType, take: TakeShare): void => {
  const { path } = JOB_KINDS[type];
  app.get(
    `/v1/${path}/:id/records/summary`,
    {
      schema: {
        operationId: `summarize${capitalized(type)}Records`,
        summary: `Count the users of a ${type} by outcome and reason`,
        tags: [path],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: {
          200: z
            .object({ data: z.array(outcomeSchemaOf(type)) })
            .describe(
              'The counts, in descending order. Users that are not listed yet are left out',
            ),
        },
      },
    },
    async ({ access, params: { id } }) => {
      const job = await requireJob(deps, type, id, access.workspaceId);
      const release = take(job.workspace_id);
      try {
        return { data: await summarizeOutcomes(deps.database.db, id) };
      } finally {
        release();
      }
    },
  );
};

const registerOfLines = (app: App, deps: ApiDeps): void => {
  app.get(
    '/v1/imports/:id/records/summary',
    {
      schema: {
        operationId: 'summarizeImportRecords',
        summary: 'Count the failed lines of an import by code',
        tags: ['imports'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: {
          200: z
            .object({ data: z.array(codeSchema) })
            .describe('The counts so far, in descending order'),
        },
      },
    },
    async ({ access, params: { id } }) => {
      await requireJob(deps, 'import', id, access.workspaceId);
      const data = await summarizeImportFailures(deps.database.db, id);
      return { data: data as z.infer<typeof codeSchema>[] };
    },
  );
};

/** The number of users of a deletion or restore by outcome and reason, without their ids. */
const outcomeSchemaOf = (type: RecordedType) =>
  z.object({
    outcome: z.enum(OUTCOMES[type] as readonly RecordOutcome[]),
    reason: z.string().nullable(),
    count: z.int(),
  });

/** @throws ProblemError if there is no such job, or its records were erased */
const requireJob = async (
  { database: { db } }: ApiDeps,
  type: RecordedType | 'import',
  id: string,
  workspaceId: string | null,
): Promise<JobRow> => {
  const job = await findJobRow(db, id, workspaceId);
  if (job?.type !== type) throw notFound(type);
  requireRecords(job);
  return job;
};
