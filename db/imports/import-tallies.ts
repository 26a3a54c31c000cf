import { sql } from 'kysely';
import type { PoolClient } from 'pg';
import type { FailedLine } from '../../imports/log/failed-lines.ts';
import type { Problem } from '../../imports/rules.ts';
import { SYSTEM_FIELDS } from '../../selection/fields.ts';
import type { Db } from '../client.ts';
import type { Cleared } from './import-merge.ts';

/** Most entries reported for a job, the most frequent first. */
const MAX_REPORTED = 100;

const FIELD_NAMES: ReadonlyMap<string, string> = new Map(
  SYSTEM_FIELDS.map(({ column, name }) => [column, name]),
);

/**
 * Number of values of a field that an import has cleared. `column` is the API's name of the field.
 */
export interface ClearedField {
  column: string;
  count: number;
}

/** Number of lines of an import that broke a rule. */
export interface CountedProblem extends Problem {
  count: number;
  /** Line number in the file. */
  firstLine: number;
}

/**
 * Adds the cleared values of a chunk. Must run in the chunk's transaction, only if the chunk
 * counts.
 */
export const addCleared = async (
  client: Pick<PoolClient, 'query'>,
  jobId: string,
  cleared: Cleared,
): Promise<void> => {
  const counted = Object.entries(cleared).filter(([, count]) => count > 0);
  if (counted.length === 0) return;
  await client.query(
    `INSERT INTO import_cleared AS sums (job_id, field, count)
     SELECT $1, * FROM unnest($2::text[], $3::int[])
     ON CONFLICT (job_id, field) DO UPDATE SET count = sums.count + excluded.count`,
    [
      jobId,
      counted.map(([column]) => FIELD_NAMES.get(column) ?? column),
      counted.map(([, count]) => count),
    ],
  );
};

/** The cleared values of each import so far, the most frequent first. */
export const listCleared = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, ClearedField[]>> => {
  if (jobIds.length === 0) return new Map();
  const { rows } = await sql<ClearedField & { jobId: string }>`
    SELECT job_id AS "jobId", field AS column, count FROM (
      SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY count DESC, field) AS place
        FROM import_cleared WHERE job_id = ANY (${jobIds}::uuid[])) AS ranked
     WHERE place <= ${MAX_REPORTED} ORDER BY job_id, place`.execute(db);
  return byJob(rows);
};

/**
 * Adds the problems of a chunk's lines. Must run in the chunk's transaction, only if the chunk
 * counts.
 */
export const addProblems = async (
  client: Pick<PoolClient, 'query'>,
  jobId: string,
  lines: readonly FailedLine[],
): Promise<void> => {
  const problems = tally(lines);
  if (problems.length === 0) return;
  await client.query(
    `INSERT INTO import_problems AS sums (job_id, field, rule, count, first_line)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::int[], $5::int[])
     ON CONFLICT (job_id, field, rule) DO UPDATE
        SET count = sums.count + excluded.count, first_line = least(sums.first_line, excluded.first_line)`,
    [
      jobId,
      problems.map(({ column }) => column ?? ''),
      problems.map(({ rule }) => rule),
      problems.map(({ count }) => count),
      problems.map(({ firstLine }) => firstLine),
    ],
  );
};

/** The problems in lines of each import so far, the most frequent first. */
export const listProblems = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, CountedProblem[]>> => {
  if (jobIds.length === 0) return new Map();
  const { rows } = await sql<CountedProblem & { jobId: string }>`
    SELECT job_id AS "jobId", nullif(field, '') AS column, rule, count, first_line AS "firstLine" FROM (
      SELECT *, row_number() OVER (PARTITION BY job_id ORDER BY count DESC, first_line, field, rule) AS place
        FROM import_problems WHERE job_id = ANY (${jobIds}::uuid[])) AS ranked
     WHERE place <= ${MAX_REPORTED} ORDER BY job_id, place`.execute(db);
  return byJob(rows);
};

const byJob = <Entry extends object>(
  rows: readonly (Entry & { jobId: string })[],
): Map<string, Omit<Entry, 'jobId'>[]> => {
  const entries = new Map<string, Omit<Entry, 'jobId'>[]>();
  for (const { jobId, ...entry } of rows) {
    const own = entries.get(jobId) ?? [];
    own.push(entry);
    entries.set(jobId, own);
  }
  return entries;
};

const tally = (lines: readonly FailedLine[]): CountedProblem[] => {
  const problems = new Map<string, CountedProblem>();
  for (const { line, problems: broken } of lines) {
    for (const { column, rule } of broken) {
      const key = `${column} ${rule}`;
      const before = problems.get(key);
      if (before === undefined) {
        problems.set(key, { column, rule, count: 1, firstLine: line });
      } else {
        before.count += 1;
        before.firstLine = Math.min(before.firstLine, line);
      }
    }
  }
  return [...problems.values()];
};
