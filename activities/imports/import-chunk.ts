import { END_TRIGGERS, renewConnection } from '../../db/connections/connection.ts';
import type { PoolClient } from 'pg';
import {
  type LeftRow,
  mergeLaterLines,
  mergeRange,
  type RangeResult,
  type Staging,
} from '../../db/imports/import-merge.ts';
import { addCleared, addProblems } from '../../db/imports/import-tallies.ts';
import { fillPreview } from '../../db/imports/import-preview.ts';
import { importStatements } from '../../db/imports/import-statements.ts';
import { stageRows } from '../../db/imports/import-staging.ts';
import { insertChunk, insertFailures, mayImport } from '../../db/imports/imports.ts';
import { isOfARow, isRolledBack } from '../../db/connections/sql-states.ts';
import { SILENT_CHUNK_MS, STEP_LOCK_MS } from '../../db/connections/timeouts.ts';
import { arePlain } from '../../db/users/users-table.ts';
import type { FailedLine } from '../../imports/log/failed-lines.ts';
import type { ImportRow } from '../../imports/read-chunks.ts';
import type { ImportJob } from './check-import.ts';
import { failures } from '../failures.ts';
import {
  addMade,
  addMerged,
  type ChunkOutcome,
  failLeft,
  LEFT,
  mergeCarefully,
  nothing,
} from './import-by-halves.ts';
import type { MatchedChunk, RowLine, SentChunk, SentRows } from './import-messages.ts';
import { type CarefulStaging, leaveOutOverfull } from './overfull-lines.ts';
import { prepareRows } from './prepare-rows.ts';

/** How often a chunk is retried because other transactions changed its users. */
const MAX_STARTS = 6;
/**
 * Attempts to merge a chunk as a whole. More would be useless if a trigger keeps a row out, which
 * looks the same as other transactions.
 */
const MAX_WHOLE_STARTS = 3;

/**
 * The planner cannot know how many lines are staged. A hash join would read the whole table of
 * users for each chunk, so users are looked up one by one. Constraints are immediate: a deferred
 * one would report a refused row only at the end of the transaction.
 */
const SETTINGS = `
  SET LOCAL lock_timeout = ${STEP_LOCK_MS};
  SET LOCAL idle_in_transaction_session_timeout = ${SILENT_CHUNK_MS};
  SET LOCAL enable_hashjoin = off;
  SET LOCAL enable_mergejoin = off;
  SET LOCAL jit = off;
  SET CONSTRAINTS ALL IMMEDIATE;`;
const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED;${SETTINGS}`;
/** Runs deferred triggers now, and resets settings that triggers have changed. */
const AFTER_TRIGGERS = `${END_TRIGGERS};${SETTINGS}`;

/** An import that runs, with its own connection. */
export interface ImportWork {
  client: PoolClient;
  job: ImportJob;
  beforeCommit: () => void;
}

/** A chunk as the thread sent it, with access to its rows. */
export interface PreparedChunk extends SentChunk {
  rowsOf: () => Promise<ImportRow[]>;
  /** The lines of these staged rows of `whole`. */
  linesOf: (rows: readonly number[]) => Promise<RowLine[]>;
  /**
   * Finds the users of lines by email address, anew for each attempt. Undefined if the lines name
   * users by id.
   */
  match: (client: PoolClient) => Promise<MatchedChunk | undefined>;
}

/**
 * `contended`: other transactions changed the users. `overfull`: lines give a user too many tags.
 */
type Broken = 'contended' | 'overfull';

/**
 * How a chunk is merged: all lines at once; all lines but those that give a user too many tags; or
 * by halves, down to single lines.
 */
type Way = 'whole' | 'fitting' | 'careful';

/**
 * Imports one chunk in one transaction: all of its lines or none. It starts again if the database
 * refuses lines, or if other transactions changed the users. Then a refused line does not block the
 * others.
 *
 * @throws jobNotRunning when the job was cancelled; usersContended; DatabaseError when the refusal
 *   is not about a line
 */
export const importChunk = async (work: ImportWork, chunk: PreparedChunk): Promise<void> => {
  let way: Way = 'whole';
  for (let start = 1; start <= MAX_STARTS; start++) {
    if (start > MAX_WHOLE_STARTS) way = 'careful';
    try {
      const tried = await tryChunk(work, chunk, way);
      if (tried === 'done') return;
      if (tried === 'overfull') way = 'fitting';
    } catch (error) {
      const isOfALine: boolean = way !== 'careful' && isOfARow(error);
      if (!isOfALine && !isRolledBack(error)) throw error;
      if (isOfALine) way = 'careful';
    }
    await work.client.query('ROLLBACK');
  }
  throw failures.usersContended(work.job.id);
};

/**
 * Imports a chunk in its own transaction. Unless the result is `done`, the transaction is left
 * open.
 */
const tryChunk = async (
  work: ImportWork,
  chunk: PreparedChunk,
  way: Way,
): Promise<'done' | Broken> => {
  const { client, job, beforeCommit } = work;
  // Triggers ran on this connection for the previous chunk.
  await renewConnection(client);
  const matched = await chunk.match(client);
  const outcome = await mergeRows(work, { ...chunk, ...matched }, way);
  if (typeof outcome === 'string') return outcome;
  await client.query(AFTER_TRIGGERS);
  // Since the job began, the table may have been partitioned again: row ids name no user then.
  if (!(await arePlain(client, job.workspaceId))) throw failures.usersNotPlain(job.workspaceId);
  const { rejected, made, ...merged } = outcome;
  const lost = [...chunk.failed, ...(matched?.failed ?? []), ...rejected];
  const isTaken = (line: number) => job.options.mode !== 'insert' || made.has(line);
  const reported = withNotes(lost, chunk.notes, isTaken);
  const held = lost.filter(({ code }) => code === 'held').length;
  const failed = lost.length - held;
  const row = { jobId: job.id, chunk: chunk.chunk, lines: chunk.lines, failed, held, ...merged };
  const isFirst = await insertChunk(client, row);
  // A dry run that starts again may find other users. The report of its first run is kept.
  if (isFirst) {
    await insertFailures(client, job.id, reported);
    await addCleared(client, job.id, merged.cleared);
    await addProblems(client, job.id, reported);
  }
  if (!(await mayImport(client, job.id))) {
    throw failures.jobNotRunning(job.id, 'not importing any more');
  }
  beforeCommit();
  // A dry run that starts again must recreate the users of each chunk in its preview table.
  await client.query(isFirst || job.options.dryRun ? 'COMMIT' : 'ROLLBACK');
  return 'done';
};

const mergeRows = async (
  { client, job }: ImportWork,
  chunk: PreparedChunk,
  way: Way,
): Promise<ChunkOutcome | Broken> => {
  const { whole } = chunk;
  const isWhole = way === 'whole';
  if (whole === undefined || (isWhole && whole.mayBeOverfull)) {
    await client.query(BEGIN);
    return whole === undefined ? nothing() : 'overfull';
  }
  const { target } = whole;
  // Fetched before the transaction begins, because a transaction must not be idle for long.
  const single = isWhole ? undefined : prepareRows(job, await chunk.rowsOf(), true);
  const statements = importStatements(target);
  await client.query(BEGIN + statements.createStaging);
  await stageRows(client, statements.copy, single?.pieces ?? [Buffer.from(whole.text.buffer)]);
  if (job.options.dryRun) await fillPreview(client, job.workspaceId);
  const { lineCounts, firstLines } = single ?? whole;
  const staging: Staging = { client, target, statements, lineCounts };
  if (single !== undefined) {
    const careful = { ...staging, rows: single.rows, firstLines };
    if (way === 'fitting') return mergeFitting(careful, job);
    return (await mergeCarefully(careful)) ?? 'contended';
  }
  const result = await mergeRounds(staging, whole);
  if (result.status === 'merged') {
    const made = new Set<number>();
    addMade(made, firstLines, { from: 0, to: whole.firstCount - 1 }, result.skipped);
    return { ...result.merged, rejected: await reportLeft(chunk, result.left), made };
  }
  return result.status === 'overfull' ? 'overfull' : 'contended';
};

/** Leaves out the lines that would give users too many tags, and merges the others. */
const mergeFitting = async (
  staging: CarefulStaging,
  job: ImportJob,
): Promise<ChunkOutcome | Broken> => {
  const { client } = staging;
  const { rest, overfull } = await leaveOutOverfull(staging);
  const prepared = prepareRows(job, rest, false);
  if (prepared === undefined) return { ...nothing(), rejected: overfull };
  const { target, lineCounts, pieces } = prepared;
  const statements = importStatements(target);
  await client.query('TRUNCATE pg_temp.import_staging');
  await stageRows(client, statements.copy, pieces);
  const result = await mergeRounds({ client, target, statements, lineCounts }, prepared);
  // Existing users are locked, so other transactions can only have created new ones.
  if (result.status !== 'merged') return 'contended';
  const rejected = [...overfull, ...failLeft(prepared.rows, result.left)];
  return { ...nothing(), ...result.merged, rejected };
};

/** Merges the first lines of users, then their later lines. */
const mergeRounds = async (
  staging: Staging,
  { firstCount, repeated }: Pick<SentRows, 'firstCount' | 'repeated'>,
): Promise<RangeResult> => {
  const result = await mergeRange(staging, { from: 0, to: firstCount - 1 });
  if (result.status !== 'merged' || repeated.length === 0) return result;
  const range = { from: firstCount, to: staging.lineCounts.length - 1 };
  const later = await mergeLaterLines(staging, range, repeated);
  if (later.status !== 'merged') return later;
  addMerged(result.merged, later.merged);
  return { ...result, left: [...result.left, ...later.left] };
};

/**
 * The failures of rows that were left out. Only the lines of these rows are fetched from the
 * thread.
 */
const reportLeft = async (
  chunk: PreparedChunk,
  left: readonly LeftRow[],
): Promise<FailedLine[]> => {
  if (left.length === 0) return [];
  const why = new Map(left.map((row) => [row.n, row.why]));
  const lines = await chunk.linesOf([...why.keys()]);
  return lines.map(({ n, line, payload }) => ({ line, payload, ...LEFT[why.get(n) ?? 'held'] }));
};

/**
 * Merges failed lines with notes about skipped cells: a failed line keeps its notes. A note of
 * another line is kept only if `isTaken` says that some of the line was imported.
 */
const withNotes = (
  lost: readonly FailedLine[],
  notes: readonly FailedLine[],
  isTaken: (line: number) => boolean,
): readonly FailedLine[] => {
  if (notes.length === 0) return lost;
  const noted = new Map(notes.map((note) => [note.line, note]));
  const reported = lost.map((line) => {
    const note = noted.get(line.line);
    noted.delete(line.line);
    if (note === undefined) return line;
    const message = `${line.message}; ${note.message}`;
    return { ...line, message, problems: [...line.problems, ...note.problems] };
  });
  return [...reported, ...[...noted.values()].filter(({ line }) => isTaken(line))];
};
