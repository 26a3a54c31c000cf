import { finished, type Readable } from 'node:stream';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { ImportFileError } from './file-error.ts';
import { blankHead, countBreaks, type Head, MAX_BLANK_HEAD_BYTES, readHead } from './head.ts';
import { withoutMarks } from './marks.ts';
import type { Rule } from './rules.ts';
import { namedSeparator, nameOfSeparator, SEPARATOR_PROBLEM } from './separator-lines.ts';
import { type TextOptions, textOf } from './text.ts';

/** Longest record: the UTF-16 units of its cells, and one more for each cell. */
export const MAX_RECORD_LENGTH = 1024 * 1024;
/**
 * Most bytes of a record within the limit: three bytes for each unit; a separator and two quotes
 * for each cell.
 */
const MAX_RECORD_BYTES = 4 * MAX_RECORD_LENGTH;

/**
 * Most blank lines of a file, including lines of empty cells. They take as much time as other
 * lines.
 */
export const MAX_BLANK_LINES = 5_000_000;

/** Bytes that are parsed in one step: blank lines take 2 µs each. */
const MAX_STEP_BYTES = 8 * 1024;
/** Longest time, in milliseconds, until other work of the process may run. */
const MAX_TURN_MS = 10;

/** A record of CSV. */
export interface CsvRecord {
  /** Number of its first line in the file, from 1. */
  line: number;
  cells: string[];
  /** Length as `MAX_RECORD_LENGTH` counts it. */
  length: number;
  /** Why no user can be made of the record, whatever its cells hold. */
  problem?: { rule: Rule; message: string };
  /**
   * A line such as `sep=;` directly before this record. If this record is the header, the line
   * belongs to a file that was appended.
   */
  note?: CsvRecord;
}

/** Options for reading records. */
export interface RecordsOptions extends TextOptions {
  /** Called with the beginning of the file, before the first record. */
  onHead?: (head: Head) => void;
}

/**
 * The records of a file in order, several at a time, without blank lines. The first record decides
 * the separator. Records may have any number of cells.
 *
 * @throws ImportFileError when the file is not text or not CSV, or a record is too long; errors of
 *   the stream
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
        // The time includes the caller's work on the records before.
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

/**
 * Parses text whose first record begins on `head.line`. The parser returns blank lines as records:
 * to find the positions of skipped lines would take a fifth more time.
 */
const createReader = ({ separator, line: firstLine }: Head) => {
  let line = firstLine;
  let openBytes = 0;
  let blankLines = 0;
  /** Number of cells of the first record. */
  let width: number | undefined;
  let note: CsvRecord | undefined;
  const parsed: string[][] = [];
  const parser = parse({
    delimiter: separator,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
  });
  // With a count of 0, the parser accepts any number of cells in each record. Otherwise the parser
  // would make an error for each record whose number differs from the first. Such an error is not
  // used and takes 100 µs.
  Object.defineProperty(parser.info, 'records', { get: () => 0, set: () => {} });
  parser.on('data', (cells: string[]) => parsed.push(cells));
  // The callback of `write` gets the error.
  parser.on('error', () => {});

  /**
   * Adds a record with the note before it. A note followed by another note is a record of its own.
   */
  const add = (records: CsvRecord[], record: CsvRecord, named: string | undefined): void => {
    if (named === undefined) {
      width ??= record.cells.length;
      records.push(note === undefined ? record : { ...record, note });
      note = undefined;
      return;
    }
    // In a file with one column, a note may name any separator.
    if (named !== '' && named !== separator && width !== 1) {
      throw otherSeparator(record.line, named, separator);
    }
    if (note !== undefined) records.push(note);
    note = { ...record, problem: SEPARATOR_PROBLEM };
  };

  /** Also takes the records before the error, which determine its line number. */
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
    /** Line number of the start of the next record. */
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

const otherSeparator = (line: number, named: string, separator: string): ImportFileError =>
  new ImportFileError(
    'invalidHeader',
    line,
    `${nameOfSeparator(named)} is named as the separator, but the file uses ${nameOfSeparator(separator)}. ` +
      'Upload each file separately.',
  );

const measure = (cells: readonly string[]): { length: number; breaks: number } => {
  let length = cells.length;
  let breaks = 0;
  for (const cell of cells) {
    length += cell.length;
    if (cell.includes('\n') || cell.includes('\r')) breaks += countBreaks(cell);
  }
  return { length, breaks };
};

const tooLong = (line: number): ImportFileError =>
  new ImportFileError(
    'recordTooLong',
    line,
    `the line that begins here has more than ${MAX_RECORD_LENGTH} characters. Check whether a quote is not closed.`,
  );

/** Whether a line is blank, or all its cells are empty. */
const isBlank = (cells: readonly string[]): boolean => cells.every((cell) => cell === '');

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

const startingWith = async function* (first: Buffer, rest: AsyncIterable<Buffer>) {
  yield first;
  yield* rest;
};

const stepsOf = function* (bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MAX_STEP_BYTES) {
    yield bytes.subarray(at, at + MAX_STEP_BYTES);
  }
};
