import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { RawBuilder } from 'kysely';
import { z } from 'zod';
import { copyText } from '../../db/copy/copy-text.ts';
import type { JobRow } from '../../db/jobs/jobs.ts';
import { jobLog } from '../../db/jobs/outcomes.ts';
import { createCsvFileGuard } from '../../selection/formula-guard.ts';
import type { ApiDeps } from '../deps.ts';
import { openImportLog } from '../imports/import-log.ts';
import { MAX_LOGS_AT_ONCE, MAX_LOGS_OF_WORKSPACE } from '../http/limits.ts';
import { problem } from '../http/problems.ts';
import { ownerOf } from '../request-owner.ts';
import { createShares } from '../shares.ts';

/** The query of a log. */
export const csvQueryShape = {
  spreadsheetSafe: z
    .enum(['true', 'false'])
    .default('true')
    .transform((value) => value === 'true')
    .describe(
      'For CSV: begin with a byte-order mark and guard text against formulas, as exports for spreadsheets do; ' +
        'use `false` for programs',
    ),
};

type CsvQuery = z.infer<z.ZodObject<typeof csvQueryShape>>;

const NO_GUARD = { startRow: undefined, guard: undefined };

/**
 * Sends the rows of a query as a CSV file with that name. For spreadsheets, its text is guarded
 * against formulas, as in exports.
 */
export type SendCsv = (
  reply: FastifyReply,
  csv: {
    fileName: string;
    query: RawBuilder<unknown>;
    spreadsheetSafe: boolean;
    /** The workspace that the download counts for; by default the workspace of the request. */
    owner?: string;
    /** Rewrites the rows, guarded or not. */
    write?: (rows: Readable) => Readable;
  },
) => Promise<FastifyReply>;

type LoggedJob = Pick<
  JobRow,
  'id' | 'type' | 'workspace_id' | 'erased_at' | 'options' | 'import_file_id' | 'file_removed_at'
>;

/** @returns a function that sends files; all its files count against the same limit */
export const createSendCsv = ({ database }: Pick<ApiDeps, 'database'>): SendCsv => {
  const take = createShares({
    all: MAX_LOGS_AT_ONCE,
    each: MAX_LOGS_OF_WORKSPACE,
    what: 'concurrent downloads of logs',
  });
  return async (reply, { fileName, query, spreadsheetSafe, write, owner }) => {
    const release = take(owner ?? ownerOf(reply.request) ?? '');
    const { startRow, guard: compress } =
      spreadsheetSafe && write === undefined ? createCsvFileGuard() : NO_GUARD;
    const rows = await copyText(database.pool, query, { startRow, compress }).catch(
      (error: unknown) => {
        release();
        throw error;
      },
    );
    rows.once('close', release);
    const log = write?.(rows) ?? rows;
    // If the client disconnects before the first row, the rewriting stream has not started to read.
    if (log !== rows) log.once('close', () => rows.destroy());
    return reply
      .type('text/csv; charset=utf-8; header=present')
      .header('content-disposition', `attachment; filename="${fileName}"`)
      .send(log);
  };
};

/** Whether a job has records of users or of failed lines. */
export const hasLog = ({ type }: Pick<JobRow, 'type'>): boolean => type !== 'export';

/**
 * A log is complete, or is not sent.
 *
 * @throws ProblemError `gone` if records of the job were erased with a backup or its file
 */
export const requireRecords = ({
  id,
  type,
  erased_at: at,
}: Pick<LoggedJob, 'id' | 'type' | 'erased_at'>): void => {
  if (at === null) return;
  const cause = type === 'import' ? 'file' : 'backup';
  throw problem(
    'gone',
    `The records of job ${id} were erased at ${at.toISOString()}, together with its ${cause}.`,
  );
};

/** The log of a job as a file: the outcome of each user, or each failed line. */
export const sendJobLog = async (
  deps: Pick<ApiDeps, 'database' | 'storage'>,
  sendCsv: SendCsv,
  reply: FastifyReply,
  job: LoggedJob,
  { spreadsheetSafe }: CsvQuery,
): Promise<FastifyReply> => {
  requireRecords(job);
  const common = {
    spreadsheetSafe,
    fileName: `${job.type}-${job.id}.csv`,
    owner: job.workspace_id,
  };
  if (job.type !== 'import') return sendCsv(reply, { ...common, query: jobLog(job.id) });
  requireFile(job);
  return sendCsv(reply, { ...common, ...(await openImportLog(deps, job, spreadsheetSafe)) });
};

/** The lines of a removed file are about to be erased. */
const requireFile = ({ id, file_removed_at: at }: LoggedJob): void => {
  if (at === null) return;
  throw problem('gone', `The file and the log of job ${id} were removed at ${at.toISOString()}.`);
};
