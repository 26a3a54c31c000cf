import type { PoolClient } from 'pg';
import { mergeLaterLines, mergeRange, type RangeResult, type Staging } from '../db/import-merge.ts';
import { fillPreview, PREVIEW_TABLE } from '../db/import-preview.ts';
import { importStatements, type ImportTarget } from '../db/import-statements.ts';
import {
  copyPieces,
  joinLines,
  sortLines,
  stageRows,
  type StagedRow,
} from '../db/import-staging.ts';
import { insertChunk, insertFailures, mayImport } from '../db/imports.ts';
import { isOfARow, isRolledBack } from '../db/sql-states.ts';
import type { ImportChunk, ImportRow } from '../imports/read-chunks.ts';
import type { ImportJob } from './check-import.ts';
import { failures } from './failures.ts';
import { addMerged, type ChunkOutcome, mergeCarefully } from './import-carefully.ts';

/** How often a chunk begins anew because others were at its users meanwhile. */
const MAX_STARTS = 6;
/** So often as a whole; a trigger that keeps a row back looks the same as others at work. */
const MAX_WHOLE_STARTS = 3;

/** Longest wait for a lock before the chunk is given up and tried again, in milliseconds. */
const LOCK_TIMEOUT_MS = 30_000;
/** Silence of this worker after which PostgreSQL takes the chunk back: others may wait for its locks. */
const IDLE_TIMEOUT_MS = 30_000;

/**
 * Users are looked up one by one: how many lines are staged the planner can only guess, and a hash join
 * would read the whole table of users for each chunk. Checks that wait for the end of a transaction
 * would say too late which row they refuse.
 */
const BEGIN = `
  BEGIN ISOLATION LEVEL READ COMMITTED;
  SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
  SET LOCAL idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS};
  SET LOCAL enable_hashjoin = off;
  SET LOCAL enable_mergejoin = off;
  SET LOCAL jit = off;
  SET CONSTRAINTS ALL IMMEDIATE;`;

/** An import at work on a connection of its own. */
export interface ImportWork {
  client: PoolClient;
  job: ImportJob;
  beforeCommit: () => void;
}

const NOTHING: ChunkOutcome = { imported: 0, merged: 0, unchanged: 0, skipped: 0, rejected: [] };

const targetOf = ({ workspaceId, options }: ImportJob, row: ImportRow): ImportTarget => ({
  workspaceId,
  mode: options.mode,
  mergeTags: options.mergeTags,
  columns: Object.keys(row.columns),
  properties: Object.keys(row.properties),
  ...(options.dryRun && { table: PREVIEW_TABLE }),
});

/** Rows of a chunk as they are staged. */
interface Prepared {
  target: ImportTarget;
  rows: StagedRow[];
  /** How many of them are merged before the later lines of the same users. */
  firstCount: number;
  pieces: Buffer[];
}

const prepareRows = (
  job: ImportJob,
  given: readonly ImportRow[],
  isCareful: boolean,
): Prepared | undefined => {
  const [row] = given;
  if (row === undefined) return undefined;
  const target = targetOf(job, row);
  const { first, later } = isCareful
    ? { first: sortLines(given, target), later: [] }
    : joinLines(given, target);
  const rows = later.length === 0 ? first : [...first, ...later];
  return { target, rows, firstCount: first.length, pieces: copyPieces(rows, target) };
};

/** A chunk with what of its work can be done before its turn. */
export interface PreparedChunk extends ImportChunk {
  /** None when no line of it could be read. */
  whole: Prepared | undefined;
}

/** Chunks with their rows put together; costs the worker as much as reading them. */
export const prepareChunks = async function* (
  job: ImportJob,
  chunks: AsyncGenerator<ImportChunk>,
): AsyncGenerator<PreparedChunk> {
  for await (const chunk of chunks) yield { ...chunk, whole: prepareRows(job, chunk.rows, false) };
};

/** `contended`: others were at its users. `mixed`: not all of its rows may be merged. */
type Broken = 'contended' | 'mixed';

/** Merges the first lines of users, then their later ones. */
const mergeRounds = async (staging: Staging, firstCount: number): Promise<RangeResult> => {
  const result = await mergeRange(staging, { from: 0, to: firstCount - 1 });
  if (result.status !== 'merged' || firstCount === staging.rows.length) return result;
  const range = { from: firstCount, to: staging.rows.length - 1 };
  const later = await mergeLaterLines(staging, range);
  if (later.status === 'merged') addMerged(result.merged, later.merged);
  return later.status === 'merged' ? result : later;
};

const mergeRows = async (
  { client, job }: ImportWork,
  chunk: PreparedChunk,
  isCareful: boolean,
): Promise<ChunkOutcome | Broken> => {
  const prepared = isCareful ? prepareRows(job, chunk.rows, true) : chunk.whole;
  if (prepared === undefined) {
    await client.query(BEGIN);
    return NOTHING;
  }
  const { target, rows, pieces } = prepared;
  const statements = importStatements(target);
  await client.query(BEGIN + statements.createStaging);
  await stageRows(client, statements.copy, pieces);
  if (job.options.dryRun) await fillPreview(client, job.workspaceId);
  const staging: Staging = { client, target, statements, rows };
  if (isCareful) return (await mergeCarefully(staging)) ?? 'contended';
  const result = await mergeRounds(staging, prepared.firstCount);
  if (result.status === 'merged') return { ...result.merged, rejected: [] };
  return result.status === 'overfull' ? 'mixed' : 'contended';
};

/** Deals with a chunk in a transaction of its own. When nothing came of it, that is left open. */
const tryChunk = async (
  work: ImportWork,
  chunk: PreparedChunk,
  isCareful: boolean,
): Promise<'done' | Broken> => {
  const { client, job, beforeCommit } = work;
  const outcome = await mergeRows(work, chunk, isCareful);
  if (typeof outcome === 'string') return outcome;
  const { rejected, ...merged } = outcome;
  await insertFailures(client, job.id, [...chunk.failed, ...rejected]);
  const failed = chunk.failed.length + rejected.length;
  const row = { jobId: job.id, chunk: chunk.chunk, lines: chunk.lines, failed, ...merged };
  const isFirst = await insertChunk(client, row);
  if (!(await mayImport(client, job.id))) {
    throw failures.jobNotRunning(job.id, 'not importing any more');
  }
  beforeCommit();
  // A dry run that begins anew has to learn again whom each chunk would have made.
  await client.query(isFirst || job.options.dryRun ? 'COMMIT' : 'ROLLBACK');
  return 'done';
};

/**
 * Imports one chunk, in one transaction: all of its lines count, or none. Where the database refuses
 * lines, or others are at the same users, it begins anew; what it refuses then stops no other line.
 *
 * @throws jobNotRunning when the job was cancelled; DatabaseError when what is refused is no line
 */
export const importChunk = async (work: ImportWork, chunk: PreparedChunk): Promise<void> => {
  let isCareful = false;
  for (let start = 1; start <= MAX_STARTS; start++) {
    isCareful ||= start > MAX_WHOLE_STARTS;
    try {
      const tried = await tryChunk(work, chunk, isCareful);
      if (tried === 'done') return;
      isCareful ||= tried === 'mixed';
    } catch (error) {
      const isOfALine: boolean = !isCareful && isOfARow(error);
      if (!isOfALine && !isRolledBack(error)) throw error;
      isCareful ||= isOfALine;
    }
    await work.client.query('ROLLBACK');
  }
  throw failures.usersContended(work.job.id);
};
