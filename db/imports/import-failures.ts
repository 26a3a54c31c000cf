import { type RawBuilder, sql } from 'kysely';
import type { FailureCode } from '../../imports/log/failed-lines.ts';
import type { Db } from '../client.ts';

/** Longest shown part of a line in a page, in characters. The log holds the whole line. */
export const MAX_SHOWN_LENGTH = 1_000;

export interface FailurePage {
  code?: FailureCode | undefined;
  afterLine: number;
  limit: number;
}

/** Failed lines of an import, in the order of the file. Counts on the primary key. */
export const listImportFailures = (
  db: Db,
  jobId: string,
  { code, afterLine, limit }: FailurePage,
) =>
  db
    .selectFrom('import_failures')
    .select(['line', 'code', 'message'])
    .select(sql<string>`left(payload, ${MAX_SHOWN_LENGTH})`.as('payload'))
    .where('job_id', '=', jobId)
    .where('line', '>', afterLine)
    .$if(code !== undefined, (query) => query.where('code', '=', code ?? ''))
    .orderBy('line')
    .limit(limit)
    .execute();

/** Number of failed lines of an import by code, the most frequent first. */
export const summarizeImportFailures = async (
  db: Db,
  jobId: string,
): Promise<{ code: string; count: number }[]> => {
  const { rows } = await sql<{ code: string; count: number }>`
    SELECT code, count(*) AS count FROM import_failures
     WHERE job_id = ${jobId}::uuid GROUP BY code ORDER BY count DESC, code`.execute(db);
  return rows;
};

/**
 * The query of an import's log, for `copyText`: the failed lines in full, in the order of the file.
 */
export const importLog = (jobId: string): RawBuilder<unknown> => sql`
  SELECT line, payload, code, message
    FROM import_failures WHERE job_id = ${sql.lit(jobId)}::uuid ORDER BY line`;
