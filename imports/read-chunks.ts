import type { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import { unseenProblem } from '../selection/characters.ts';
import type { Parsed } from '../selection/values.ts';
import { cellReader } from './cells.ts';
import { type FailedLine, type Failure, wholeLine } from './log/failed-lines.ts';
import type { HeaderOptions, ImportColumn } from './header.ts';
import { type FileLines, linesOf } from './lines.ts';
import type { ImportOptions } from './options.ts';
import type { CsvRecord } from './records.ts';
import { type Problem, ruleOfCell, ruleOfKey } from './rules.ts';

export const MAX_CHUNK_LINES = 5_000;
/** Longest text of a chunk's lines, in UTF-16 units. */
const MAX_CHUNK_LENGTH = 16 * 1024 * 1024;

/**
 * A user of the file. Values are in stored form; null clears a value, undefined leaves it
 * unchanged.
 */
export interface ImportRow {
  /**
   * Number of the row's first line in the file. The header begins on line 1, unless blank lines
   * precede it.
   */
  line: number;
  /** Empty until the user is found by the email address. */
  userId: string;
  /** The email address by which the user is to be found. */
  mail?: string;
  /** By column name of the database: all columns of the file except `user_id`. */
  columns: Record<string, unknown>;
  /** By name: all custom properties of the file. */
  properties: Record<string, unknown>;
  /** The report of cells that were left out. */
  note?: Failure;
  /** The line as CSV with commas. */
  payload: () => string;
}

export interface ImportChunk {
  /** From 1, consecutive. */
  chunk: number;
  /** Rows and failed lines together. */
  lines: number;
  rows: ImportRow[];
  failed: FailedLine[];
  /** Lines in `rows` of which cells were left out. */
  notes: FailedLine[];
}

/** Options for reading lines, as in the options of an import. */
export interface ReadOptions
  extends HeaderOptions, Pick<ImportOptions, 'spreadsheetSafe' | 'emptyCells' | 'badCells'> {}

interface Column extends ImportColumn {
  read: (cell: string) => Parsed;
}

interface Reader {
  cellCount: number;
  /** Includes nameless cells at the end, which must be empty. */
  headerCount: number;
  /** The columns that are used; other columns are not read. */
  columns: Column[];
  /**
   * All keys with an unknown value. A copy of this object takes half the time of an object that
   * grows key by key.
   */
  unknownColumns: Record<string, unknown>;
  unknownProperties: Record<string, unknown>;
  /** The value of an empty cell; null clears. */
  empty: null | undefined;
  isByMail: boolean;
  skipsCells: boolean;
}

/**
 * Most reported problems of a line. Otherwise each line of a file could have as many as columns.
 */
const MAX_REPORTED_PROBLEMS = 10;

/**
 * The lines of a file in order, in chunks of at most 5,000 lines and 16 MiB. The same file always
 * gives the same chunks. A file with only a header gives none.
 *
 * @throws ImportFileError when the file cannot be read to its end, possibly after some chunks;
 *   errors of the stream
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

/** A key must not be empty and must have a visible character. */
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

const unknownOf = (columns: readonly ImportColumn[], wanted: ImportColumn['target']) =>
  Object.fromEntries(
    columns.filter(({ target }) => target === wanted).map(({ key }) => [key, null]),
  );

/** Adds a line to a chunk. */
const addLine = (chunk: ImportChunk, read: ImportRow | FailedLine): void => {
  if ('code' in read) chunk.failed.push(read);
  else chunk.rows.push(read);
  if ('note' in read && read.note !== undefined) {
    chunk.notes.push({ line: read.line, payload: read.payload(), ...read.note });
  }
  chunk.lines += 1;
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
  /** The reason why no user is made of the line. */
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

const failedLine = (record: CsvRecord, failure: Failure): FailedLine => ({
  line: record.line,
  payload: payloadOf(record),
  ...failure,
});

/** The line as CSV, so that it can be corrected and imported again. */
const payloadOf = ({ cells }: CsvRecord): string => stringify([cells], { eof: false });

/** Why the number of a line's cells is wrong. The header may have nameless cells at its end. */
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

const listProblems = (problems: readonly string[]): string => {
  const reported = problems.slice(0, MAX_REPORTED_PROBLEMS);
  const others = problems.length - reported.length;
  return [...reported, ...(others > 0 ? [`and ${others} more`] : [])].join('; ');
};
