import type { Readable } from 'node:stream';
import type { PropertyTypes } from '../selection/fields.ts';
import { isStorable, type Parsed } from '../selection/values.ts';
import { cellReader } from './cells.ts';
import { ImportFileError } from './file-error.ts';
import { checkHeader, emptyFile, type ImportColumn, type ImportHeader } from './header.ts';
import { type RawRecord, recordsOf, splitCells } from './records.ts';

export const MAX_LINES = 5_000_000;
export const MAX_CHUNK_LINES = 10_000;
/** Of the text of a chunk's lines, in UTF-16 units. */
const MAX_CHUNK_LENGTH = 16 * 1024 * 1024;

/** Why no user came of a line. `rejected` is of the database, the others are of the reader. */
export const FAILURE_CODES = [
  'propertyRequired',
  'invalidDataType',
  'wrongCellCount',
  'rejected',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

/** A user of the file, every value in its stored form; null is an unknown value. */
export interface ImportRow {
  /** Number of the first line in the file; the header's is 1. */
  line: number;
  userId: string;
  /** By the names of the database's columns, all that the file has but `user_id`. */
  columns: Record<string, unknown>;
  /** By their names, all custom properties that the file has. */
  properties: Record<string, unknown>;
  /** The line as it stands in the file, fit to be stored. */
  payload: () => string;
}

/** A line that no user is made of. */
export interface FailedLine {
  line: number;
  payload: string;
  code: FailureCode;
  /** Names columns and rules, never values. */
  message: string;
}

export interface ImportChunk {
  /** From 1, without a gap. */
  chunk: number;
  /** Rows and failed ones together. */
  lines: number;
  rows: ImportRow[];
  failed: FailedLine[];
}

export interface ReadOptions {
  types: PropertyTypes;
  spreadsheetSafe: boolean;
  /** Whether chunks hold the rows, and not their number alone; who only checks them saves a fifth. */
  keepsRows?: boolean;
}

interface Column extends ImportColumn {
  read: (cell: string) => Parsed;
}

/** NUL is the one character of UTF-8 that PostgreSQL cannot store. */
const payloadOf = ({ text }: RawRecord): string =>
  isStorable(text) ? text : text.replaceAll('\0', '\uFFFD');

const failedLine = (record: RawRecord, code: FailureCode, message: string): FailedLine => ({
  line: record.line,
  payload: payloadOf(record),
  code,
  message,
});

interface Reader {
  separator: string;
  cellCount: number;
  /** Those that are read; the others are not even looked at. */
  columns: Column[];
  /** Every key with an unknown value: a copy takes half the time of an object that grows key by key. */
  unknownColumns: Record<string, unknown>;
  unknownProperties: Record<string, unknown>;
}

const unknownOf = (columns: readonly ImportColumn[], wanted: ImportColumn['target']) =>
  Object.fromEntries(
    columns.filter(({ target }) => target === wanted).map(({ key }) => [key, null]),
  );

const readerOf = ({ columns, separator }: ImportHeader, spreadsheetSafe: boolean): Reader => ({
  separator,
  cellCount: columns.length,
  columns: columns
    .filter(({ target }) => target !== 'ignored')
    .map((column) => ({ ...column, read: cellReader(column.type, spreadsheetSafe) })),
  unknownColumns: unknownOf(columns, 'system'),
  unknownProperties: unknownOf(columns, 'custom'),
});

const readLine = (record: RawRecord, reader: Reader): ImportRow | FailedLine => {
  const cells = splitCells(record, reader.separator);
  if (cells.length !== reader.cellCount) {
    const message = `has ${cells.length} cells, and the header ${reader.cellCount}`;
    return failedLine(record, 'wrongCellCount', message);
  }
  const columns = { ...reader.unknownColumns };
  const properties = { ...reader.unknownProperties };
  let userId: unknown = null;
  const problems: string[] = [];
  for (const { index, name, key, target, read } of reader.columns) {
    const parsed = read(cells[index] ?? '');
    if ('detail' in parsed) problems.push(`${name} ${parsed.detail}`);
    else if (target === 'custom') properties[key] = parsed.value;
    else if (target === 'system') columns[key] = parsed.value;
    else userId = parsed.value;
  }
  if (problems.length > 0) return failedLine(record, 'invalidDataType', problems.join('; '));
  if (typeof userId !== 'string') {
    return failedLine(record, 'propertyRequired', 'userId is empty');
  }
  return { line: record.line, userId, columns, properties, payload: () => payloadOf(record) };
};

const headerOf = (record: RawRecord, types: PropertyTypes): ImportHeader => {
  const header = checkHeader(record, types);
  if (!('errors' in header)) return header;
  const told = header.errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
  throw new ImportFileError('invalidHeader', record.line, told.join('; '));
};

/** Adds what a record says to a chunk. */
const addLine = (chunk: ImportChunk, read: ImportRow | FailedLine, keepsRows: boolean): void => {
  if ('code' in read) chunk.failed.push(read);
  else if (keepsRows) chunk.rows.push(read);
  chunk.lines += 1;
};

/**
 * The lines of a file, chunk by chunk in their order; the same file always gives the same chunks, of at
 * most 10,000 lines and 16 MiB each. A file of a header alone gives none.
 *
 * @throws ImportFileError when the file cannot be read to its end, perhaps after some chunks; what the
 *   stream throws
 */
export const readChunks = async function* (
  file: Readable,
  { types, spreadsheetSafe, keepsRows = true }: ReadOptions,
): AsyncGenerator<ImportChunk> {
  let reader: Reader | undefined;
  let lines = 0;
  let length = 0;
  let chunk: ImportChunk = { chunk: 1, lines: 0, rows: [], failed: [] };
  for await (const records of recordsOf(file)) {
    for (const record of records) {
      if (reader === undefined) {
        reader = readerOf(headerOf(record, types), spreadsheetSafe);
        continue;
      }
      lines += 1;
      if (lines > MAX_LINES) {
        const message = `there are more than ${MAX_LINES} lines. Split the file.`;
        throw new ImportFileError('tooManyRows', record.line, message);
      }
      const isFull =
        chunk.lines === MAX_CHUNK_LINES || length + record.text.length > MAX_CHUNK_LENGTH;
      if (isFull && chunk.lines > 0) {
        yield chunk;
        chunk = { chunk: chunk.chunk + 1, lines: 0, rows: [], failed: [] };
        length = 0;
      }
      length += record.text.length;
      addLine(chunk, readLine(record, reader), keepsRows);
    }
  }
  if (reader === undefined) throw emptyFile();
  if (chunk.lines > 0) yield chunk;
};
