import { finished, type Readable } from 'node:stream';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { ImportFileError } from './file-error.ts';
import { blankHead, countBreaks, type Head, MAX_BLANK_HEAD_BYTES, readHead } from './head.ts';
import { withoutMarks } from './marks.ts';
import type { Rule } from './rules.ts';
import { namedSeparator, nameOfSeparator, SEPARATOR_PROBLEM } from './separator-lines.ts';
import { type TextOptions, textOf } from './text.ts';

/** Longest record, in UTF-16 units of its cells, and one more for each. */
export const MAX_RECORD_LENGTH = 1024 * 1024;
/** No record within the limit has more: three bytes a unit, a separator and two quotes a cell. */
const MAX_RECORD_BYTES = 4 * MAX_RECORD_LENGTH;

/** Blank lines of a file, and those of empty cells: they are read in the time of others. */
export const MAX_BLANK_LINES = 5_000_000;

/** Text that is parsed at once, in bytes: blank lines take 2 µs each. */
const MAX_STEP_BYTES = 8 * 1024;
/** Time until others have their turn. */
const MAX_TURN_MS = 10;

/** A record of CSV. */
export interface CsvRecord {
  /** Number of its first line in the file, from 1. */
  line: number;
  cells: string[];
  /** As `MAX_RECORD_LENGTH` counts it. */
  length: number;
  /** Why no user is made of it, whatever its cells are. */
  problem?: { rule: Rule; message: string };
  /**
   * A line such as `sep=;` right before it: of a file that was joined, if this one is its header.
   */
  note?: CsvRecord;
}

/** A blank line, or one whose cells are all empty. */
const isBlank = (cells: readonly string[]): boolean => cells.every((cell) => cell === '');

const otherSeparator = (line: number, named: string, separator: string): ImportFileError =>
  new ImportFileError(
    'invalidHeader',
    line,
    `${nameOfSeparator(named)} is named as the separator, but the file has ${nameOfSeparator(separator)}. ` +
      'Upload each file separately.',
  );

const tooLong = (line: number): ImportFileError =>
  new ImportFileError(
    'recordTooLong',
    line,
    `the line that begins here has more than ${MAX_RECORD_LENGTH} characters. Check for a quote that is not closed.`,
  );

const tooBlank = (line: number): ImportFileError =>
  new ImportFileError(
    'tooManyRows',
    line,
    `there are more than ${MAX_BLANK_LINES} blank lines. Remove them.`,
  );

const toFileError = (error: Error, line: number): Error => {
  if (!(error instanceof CsvError)) return error;
  const message =
    error.code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'a quote is not closed. Close the quote.'
      : 'a cell contains a quote. Put the cell in quotes and double the quotes within it.';
  return new ImportFileError('invalidCsv', line, message);
};

const measure = (cells: readonly string[]): { length: number; breaks: number } => {
  let length = cells.length;
  let breaks = 0;
  for (const cell of cells) {
    length += cell.length;
    if (cell.includes('\n') || cell.includes('\r')) breaks += countBreaks(cell);
  }
  return { length, breaks };
};

/**
 * Parses text whose first record begins on `head.line`. Blank lines come out of the library as
 * records: to tell after which record it left some out would take a fifth more time.
 */
const createReader = ({ separator, line: firstLine }: Head) => {
  let line = firstLine;
  let openBytes = 0;
  let blankLines = 0;
  /** Cells of the first record. */
  let width: number | undefined;
  let note: CsvRecord | undefined;
  const parsed: string[][] = [];
  const parser = parse({
    delimiter: separator,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
  });
  // A parser that has read no record takes one with any number of cells. Else it makes an error of
  // each that differs from the first, which is not used and takes 100 µs.
  Object.defineProperty(parser.info, 'records', { get: () => 0, set: () => {} });
  parser.on('data', (cells: string[]) => parsed.push(cells));
  // Whoever writes gets it.
  parser.on('error', () => {});

  /** A record with the note before it, which is a record by itself if another one follows. */
  const add = (records: CsvRecord[], record: CsvRecord, named: string | undefined): void => {
    if (named === undefined) {
      width ??= record.cells.length;
      records.push(note === undefined ? record : { ...record, note });
      note = undefined;
      return;
    }
    // One column has none.
    if (named !== '' && named !== separator && width !== 1) {
      throw otherSeparator(record.line, named, separator);
    }
    if (note !== undefined) records.push(note);
    note = { ...record, problem: SEPARATOR_PROBLEM };
  };

  /** What was parsed before the error, too, for the line of that. */
  const take = (error: Error | null | undefined): CsvRecord[] => {
    const records: CsvRecord[] = [];
    for (const cells of parsed.splice(0)) {
      const { length, breaks } = measure(cells);
      if (length > MAX_RECORD_LENGTH) throw tooLong(line);
      if (isBlank(cells)) blankLines += 1;
      else add(records, { line, cells, length }, namedSeparator(cells, separator));
      if (blankLines > MAX_BLANK_LINES) throw tooBlank(line);
      line += 1 + breaks;
      openBytes = 0;
    }
    if (error) throw toFileError(error, line);
    if (openBytes > MAX_RECORD_BYTES) throw tooLong(line);
    return records;
  };

  return {
    /** Where the next record begins. */
    line: () => line,
    read: async (bytes: Buffer): Promise<CsvRecord[]> => {
      openBytes += bytes.length;
      return take(await new Promise((resolve) => parser.write(bytes, resolve)));
    },
    end: async (): Promise<CsvRecord[]> => {
      const records = take(await new Promise((resolve) => finished(parser.end(), resolve)));
      return note === undefined ? records : [...records, note];
    },
  };
};

const startingWith = async function* (first: Buffer, rest: AsyncIterable<Buffer>) {
  yield first;
  yield* rest;
};

const stepsOf = function* (bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MAX_STEP_BYTES) {
    yield bytes.subarray(at, at + MAX_STEP_BYTES);
  }
};

/** What is known of a file before it is read, and who is told how it begins. */
export interface RecordsOptions extends TextOptions {
  /** Called before the first record. */
  onHead?: (head: Head) => void;
}

/**
 * The records of a file in their order, some at a time and without blank lines; the first one says
 * what separates cells. A record may have any number of them.
 *
 * @throws ImportFileError when it is no text, no CSV, or a record is too long; what the stream
 * throws
 */
export const recordsOf = async function* (
  file: Readable,
  { onHead, ...options }: RecordsOptions = {},
): AsyncGenerator<CsvRecord[]> {
  try {
    const text = textOf(file, options);
    const head = await readHead(text, options.names);
    onHead?.(head);
    const reader = createReader(head);
    let isBegun = false;
    let bytes = 0;
    let turnStart = performance.now();
    for await (const piece of withoutMarks(startingWith(head.rest, text), head)) {
      for (const step of stepsOf(piece)) {
        const records = await reader.read(step);
        isBegun ||= records.length > 0;
        bytes += step.length;
        const isBlankSoFar = !isBegun && reader.line() > head.line;
        if (isBlankSoFar && bytes > MAX_BLANK_HEAD_BYTES) throw blankHead(reader.line());
        // Including what was done with the records before.
        if (performance.now() - turnStart > MAX_TURN_MS) {
          await othersTurn();
          turnStart = performance.now();
        }
        yield records;
      }
    }
    yield await reader.end();
  } finally {
    file.destroy();
  }
};
