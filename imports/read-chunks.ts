import type { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import { unseenProblem } from '../selection/characters.ts';
import { isStorable, type Parsed } from '../selection/values.ts';
import { cellReader } from './cells.ts';
import { type FailedLine, type Failure, wholeLine } from './log/failed-lines.ts';
import type { HeaderOptions, ImportColumn } from './header.ts';
import { type FileLines, linesOf } from './lines.ts';
import type { ImportOptions } from './options.ts';
import type { CsvRecord } from './records.ts';
import { type Problem, ruleOfCell, ruleOfKey } from './rules.ts';

export const MAX_CHUNK_LINES = 5_000;
/** Of the text of a chunk's lines, in UTF-16 units. */
const MAX_CHUNK_LENGTH = 16 * 1024 * 1024;

/**
 * A user of the file, every value in its stored form; null clears a value, undefined leaves it as
 * it is.
 */
export interface ImportRow {
  /** Number of the first line in the file; the header's is 1. */
  line: number;
  /** Empty as long as it has to be found by the mail address. */
  userId: string;
  /** By which the user is to be found. */
  mail?: string;
  /** By the names of the database's columns, all that the file has but `user_id`. */
  columns: Record<string, unknown>;
  /** By their names, all custom properties that the file has. */
  properties: Record<string, unknown>;
  /** What is told of cells that were left out. */
  note?: Failure;
  /** The line written anew, its cells separated by commas, fit to be stored. */
  payload: () => string;
}

export interface ImportChunk {
  /** From 1, without a gap. */
  chunk: number;
  /** Rows and failed ones together. */
  lines: number;
  rows: ImportRow[];
  failed: FailedLine[];
  /** Of rows, lines of which cells were left out. */
  notes: FailedLine[];
}

/** What decides how lines are read, as in the options of an import. */
export interface ReadOptions
  extends HeaderOptions, Pick<ImportOptions, 'spreadsheetSafe' | 'emptyCells' | 'badCells'> {}

interface Column extends ImportColumn {
  read: (cell: string) => Parsed;
}

/**
 * For the line to be put right and imported again. NUL is the one character PostgreSQL cannot
 * store.
 */
const payloadOf = ({ cells }: CsvRecord): string => {
  const text = stringify([cells], { eof: false });
  return isStorable(text) ? text : text.replaceAll('\0', '\uFFFD');
};

const failedLine = (record: CsvRecord, failure: Failure): FailedLine => ({
  line: record.line,
  payload: payloadOf(record),
  ...failure,
});

interface Reader {
  cellCount: number;
  /** With nameless ones at the end, which hold nothing. */
  headerCount: number;
  /** Those that are read; the others are not even looked at. */
  columns: Column[];
  /**
   * Every key with an unknown value: a copy takes half the time of an object that grows key by key.
   */
  unknownColumns: Record<string, unknown>;
  unknownProperties: Record<string, unknown>;
  /** What an empty cell does: null clears. */
  empty: null | undefined;
  isByMail: boolean;
  skipsCells: boolean;
}

const unknownOf = (columns: readonly ImportColumn[], wanted: ImportColumn['target']) =>
  Object.fromEntries(
    columns.filter(({ target }) => target === wanted).map(({ key }) => [key, null]),
  );

/** Whoever is meant has to be named, by something that can be seen. */
const keyReader =
  (read: Column['read']): Column['read'] =>
  (cell) => {
    const parsed = read(cell);
    if (!('value' in parsed) || typeof parsed.value !== 'string') {
      return 'value' in parsed ? { detail: 'must not be empty' } : parsed;
    }
    const detail = unseenProblem(parsed.value);
    return detail === undefined ? parsed : { detail };
  };

const readerOf = (
  { columns, headerCount }: Pick<FileLines, 'columns' | 'headerCount'>,
  isGuarded: boolean,
  { emptyCells, matchBy, badCells }: ReadOptions,
  isLog = columns.some(({ isOfLog }) => isOfLog === true),
): Reader => ({
  cellCount: columns.length,
  headerCount,
  columns: columns
    .filter(({ target }) => target !== 'ignored')
    .map((column) => {
      const read = cellReader(column.type, isGuarded, isLog);
      return { ...column, read: column.target === 'key' ? keyReader(read) : read };
    }),
  unknownColumns: unknownOf(columns, 'system'),
  unknownProperties: unknownOf(columns, 'custom'),
  empty: emptyCells === 'keep' ? undefined : null,
  isByMail: matchBy === 'email',
  skipsCells: badCells === 'skipCell',
});

/**
 * Why a line does not have as many cells as the header, which may have nameless ones at its end.
 */
const whyCount = (
  cells: readonly string[],
  { cellCount, headerCount }: Pick<Reader, 'cellCount' | 'headerCount'>,
): string => {
  if (cells.length > cellCount && cells.length <= headerCount) {
    return 'has a value in a column without a name';
  }
  const wanted = cells.length < cellCount ? cellCount : headerCount;
  const counts = `has ${cells.length} cells, but the header has ${wanted}`;
  const surplus = cells.slice(wanted);
  if (surplus.length === 0 || surplus.some((cell) => cell !== '')) return counts;
  const many = surplus.length === 1 ? 'one empty cell' : `${surplus.length} empty cells`;
  return `${counts}: ${many} too many at the end of the line`;
};

/** Problems of a line that are told; a file may have as many as columns, in each of its lines. */
const MAX_TOLD_PROBLEMS = 10;

const listProblems = (problems: readonly string[]): string => {
  const told = problems.slice(0, MAX_TOLD_PROBLEMS);
  const others = problems.length - told.length;
  return [...told, ...(others > 0 ? [`and ${others} more`] : [])].join('; ');
};

const readLine = (record: CsvRecord, reader: Reader): ImportRow | FailedLine => {
  const { cells, problem } = record;
  if (problem !== undefined) {
    const { rule, message } = problem;
    return failedLine(record, {
      code: rule === 'cellCount' ? 'wrongCellCount' : 'invalidDataType',
      message,
      problems: [{ column: null, rule }],
    });
  }
  if (cells.length !== reader.cellCount) {
    return failedLine(record, wholeLine('wrongCellCount', whyCount(cells, reader)));
  }
  const columns = { ...reader.unknownColumns };
  const properties = { ...reader.unknownProperties };
  const { empty, isByMail, skipsCells } = reader;
  let key: unknown;
  /** Why no user is made of the line, whatever else is wrong with it. */
  let code: Failure['code'] | undefined;
  const problems: Problem[] = [];
  const details: string[] = [];
  for (const column of reader.columns) {
    const { index, key: field, target } = column;
    const cell = cells[index] ?? '';
    const parsed = column.read(cell);
    if ('detail' in parsed) {
      const rule = target === 'key' ? ruleOfKey(column.type, cell) : ruleOfCell(column.type, cell);
      problems.push({ column: column.field, rule });
      details.push(`${column.name} ${parsed.detail}`);
      if (rule === 'required') code = 'propertyRequired';
      else if (!skipsCells || target === 'key') code ??= 'invalidDataType';
      else if (target === 'custom') properties[field] = undefined;
      else columns[field] = undefined;
    } else if (target === 'custom') properties[field] = parsed.value ?? empty;
    else if (target === 'system') columns[field] = parsed.value ?? empty;
    else key = parsed.value;
  }
  if (code !== undefined) {
    return failedLine(record, { code, message: listProblems(details), problems });
  }
  if (typeof key !== 'string') throw new Error('a header has a column that finds the user');
  const payload = () => payloadOf(record);
  const { line } = record;
  const row: ImportRow = isByMail
    ? { line, userId: '', mail: key, columns, properties, payload }
    : { line, userId: key, columns, properties, payload };
  if (problems.length === 0) return row;
  const message = `imported without: ${listProblems(details)}`;
  return { ...row, note: { code: 'cellsSkipped', message, problems } };
};

/** Adds what a record says to a chunk. */
const addLine = (chunk: ImportChunk, read: ImportRow | FailedLine): void => {
  if ('code' in read) chunk.failed.push(read);
  else chunk.rows.push(read);
  if ('note' in read && read.note !== undefined) {
    chunk.notes.push({ line: read.line, payload: read.payload(), ...read.note });
  }
  chunk.lines += 1;
};

/**
 * The lines of a file, chunk by chunk in their order; the same file always gives the same chunks,
 * of at most 5,000 lines and 16 MiB each. A file of a header alone gives none.
 *
 * @throws ImportFileError when the file cannot be read to its end, perhaps after some chunks; what
 *   the stream throws
 */
export const readChunks = async function* (
  file: Readable,
  options: ReadOptions,
): AsyncGenerator<ImportChunk> {
  let reader: Reader | undefined;
  let length = 0;
  let chunk: ImportChunk = { chunk: 1, lines: 0, rows: [], failed: [], notes: [] };
  for await (const lines of linesOf(file, options)) {
    reader ??= readerOf(lines, options.spreadsheetSafe ?? lines.isMarked, options);
    for (const record of lines.records) {
      const isFull = chunk.lines === MAX_CHUNK_LINES || length + record.length > MAX_CHUNK_LENGTH;
      if (isFull && chunk.lines > 0) {
        yield chunk;
        chunk = { chunk: chunk.chunk + 1, lines: 0, rows: [], failed: [], notes: [] };
        length = 0;
      }
      length += record.length;
      addLine(chunk, readLine(record, reader));
    }
  }
  if (chunk.lines > 0) yield chunk;
};
