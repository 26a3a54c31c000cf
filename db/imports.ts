import { sql } from 'kysely';
import type { ImportCounts, JobEnd } from '../workflows/contract.ts';
import type { Db } from './client.ts';

/**
 * What the rows say of an import; of one whose lines are erased, what was stored when it ended. A line
 * that failed its check has failed, whether its chunk came to be imported or not.
 */
export const countImport = async (db: Db, jobId: string): Promise<ImportCounts> => {
  const { rows } = await sql<
    Omit<ImportCounts, 'unprocessed'> & { stored: ImportCounts | null; isErased: boolean }
  >`
    SELECT j.counts AS stored, j.erased_at IS NOT NULL AS "isErased", coalesce(j.total, 0) AS lines,
           c.imported, c.merged, c.unchanged, c.skipped,
           (SELECT count(*) FROM import_failures WHERE job_id = j.id) AS failed
      FROM jobs j CROSS JOIN LATERAL (
        SELECT coalesce(sum(imported), 0) AS imported, coalesce(sum(merged), 0) AS merged,
               coalesce(sum(unchanged), 0) AS unchanged, coalesce(sum(skipped), 0) AS skipped
          FROM import_chunks WHERE job_id = j.id) c
     WHERE j.id = ${jobId}`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no job ${jobId}`);
  const { stored, isErased, ...counts } = row;
  if (isErased && stored !== null) return stored;
  const { lines, imported, merged, skipped, failed } = counts;
  return { ...counts, unprocessed: Math.max(lines - imported - merged - skipped - failed, 0) };
};

/**
 * An import that says it is done has failed if lines are missing in the sum, or if none of them could
 * be taken.
 */
export const closeImport = (counts: ImportCounts, end: JobEnd): JobEnd => {
  if (end.kind !== 'completed') return end;
  const { lines, imported, merged, skipped, failed } = counts;
  const sum = imported + merged + skipped + failed;
  if (sum !== lines) {
    const message = `${lines} lines were read, ${sum} are accounted for.`;
    return { kind: 'failed', type: 'sumsDoNotClose', message };
  }
  if (lines === 0 || failed < lines) return end;
  const message =
    `None of the ${lines} lines could be imported. The log says of each why; mend the file, then ` +
    'upload it again.';
  return { kind: 'failed', type: 'everyLineFailed', message };
};
