import { sql } from 'kysely';
import type { Db } from '../client.ts';
import type { UserRecord } from './outcomes.ts';

/** Most entries of a summary. Reasons are names of constraints, functions and codes. */
export const MAX_SUMMARY_ENTRIES = 1_000;

/** The number of a job's users with an outcome and a reason. */
export type OutcomeCount = Pick<UserRecord, 'outcome' | 'reason'> & { count: number };

/**
 * The users of a deletion or restore by outcome and reason, the most frequent first. The processed
 * users are summed from the counts of parts and chunks, so no list of ids is read.
 */
export const summarizeOutcomes = async (db: Db, jobId: string): Promise<OutcomeCount[]> => {
  const { rows } = await sql<OutcomeCount>`
    SELECT outcome, reason, count FROM (
      SELECT outcome, reason, count(*) AS count FROM outcomes
       WHERE job_id = ${jobId}::uuid GROUP BY outcome, reason
      UNION ALL
      SELECT 'deleted', NULL, sum(part.deleted)::bigint
        FROM exports JOIN export_parts AS part ON part.export_id = exports.id
       WHERE exports.job_id = ${jobId}::uuid
      UNION ALL
      SELECT 'restored', NULL, sum(restored)::bigint FROM restore_chunks
       WHERE job_id = ${jobId}::uuid) AS counted
     WHERE count > 0
     ORDER BY count DESC, outcome, reason NULLS FIRST LIMIT ${MAX_SUMMARY_ENTRIES}`.execute(db);
  return rows;
};
