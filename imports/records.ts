import type { Readable } from 'node:stream';
import { ImportFileError } from './file-error.ts';
import { TextError, textOf } from './text.ts';

/** Longest record, in UTF-16 units; a quote that never ends is found by it. */
export const MAX_RECORD_LENGTH = 1024 * 1024;

/** A record of CSV as it stands in the file. */
export interface RawRecord {
  /** Number of its first line in the file, from 1. */
  line: number;
  text: string;
}

const LINE_BREAK = /\r\n|\n|\r/g;

const countBreaks = (text: string): number => text.match(LINE_BREAK)?.length ?? 0;

/** Looks for a mark from places that only ever go up, and so reads no stretch of the text twice. */
const finderOf = (text: string, mark: string) => {
  let found = -1;
  return (from: number): number => {
    if (found >= from) return found;
    const at = text.indexOf(mark, from);
    found = at === -1 ? Infinity : at;
    return found;
  };
};

/** Gives for the start of a record its end: a line break outside of quotes, or Infinity. */
const recordEnds = (text: string) => {
  const feed = finderOf(text, '\n');
  const carriage = finderOf(text, '\r');
  const quote = finderOf(text, '"');
  const endOfLine = (from: number) => Math.min(feed(from), carriage(from));
  return (start: number): number => {
    let end = endOfLine(start);
    for (let opening = quote(start); opening < end;) {
      const closing = quote(opening + 1);
      if (closing === Infinity) return Infinity;
      if (closing > end) end = endOfLine(closing + 1);
      opening = quote(closing + 1);
    }
    return end;
  };
};

interface Scanned {
  records: RawRecord[];
  /** What belongs to a record whose end did not come yet, and the number of its line. */
  rest: string;
  line: number;
}

const tooLong = (line: number): ImportFileError =>
  new ImportFileError(
    'recordTooLong',
    line,
    `what begins here is longer than ${MAX_RECORD_LENGTH} characters. Is there a quote that never ends?`,
  );

/** Splits text into records; quotes are counted here, and looked at in `splitCells`. */
const scan = (text: string, firstLine: number, isLast: boolean): Scanned => {
  const endOf = recordEnds(text);
  const records: RawRecord[] = [];
  let line = firstLine;
  let start = 0;
  while (start < text.length) {
    let end = endOf(start);
    // A line feed may follow, in the text to come.
    const isOpen = end === Infinity || (end === text.length - 1 && text[end] === '\r');
    if (isOpen && !isLast) break;
    if (end === Infinity) end = text.length;
    if (end - start > MAX_RECORD_LENGTH) throw tooLong(line);
    const record = text.slice(start, end);
    if (record !== '') records.push({ line, text: record });
    line += 1 + (record.includes('"') ? countBreaks(record) : 0);
    start = end + (text[end] === '\r' && text[end + 1] === '\n' ? 2 : 1);
  }
  const rest = text.slice(start);
  if (rest.length > MAX_RECORD_LENGTH) throw tooLong(line);
  return { records, rest, line };
};

/**
 * The records of a file in their order, some at a time; blank lines are left out.
 *
 * @throws ImportFileError when it is no text, or a record too long
 */
export const recordsOf = async function* (file: Readable): AsyncGenerator<RawRecord[]> {
  let rest = '';
  let line = 1;
  try {
    for await (const piece of textOf(file)) {
      const scanned = scan(rest + piece, line, false);
      ({ rest, line } = scanned);
      yield scanned.records;
    }
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    throw new ImportFileError(error.type, line + countBreaks(rest), error.message);
  }
  yield scan(rest, line, true).records;
};

const misplaced = (line: number): ImportFileError =>
  new ImportFileError(
    'invalidCsv',
    line,
    'a quote stands within a cell. Put the cell in quotes and double those within.',
  );

/** A cell without quotes around it. */
const bareCell = (cell: string, line: number): string => {
  if (cell.includes('"')) throw misplaced(line);
  return cell;
};

/** Where the quotes of a cell end that open at `opening`. */
const closingQuote = (text: string, opening: number, line: number): number => {
  let at = text.indexOf('"', opening + 1);
  while (at !== -1 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  if (at !== -1) return at;
  throw new ImportFileError('invalidCsv', line, 'a quote opens that never ends. Close it.');
};

const splitQuoted = ({ text, line }: RawRecord, separator: string): string[] => {
  const cells: string[] = [];
  for (let start = 0; ;) {
    let end: number;
    if (text[start] === '"') {
      end = closingQuote(text, start, line) + 1;
      cells.push(text.slice(start + 1, end - 1).replaceAll('""', '"'));
      if (end < text.length && text[end] !== separator) throw misplaced(line);
    } else {
      const next = text.indexOf(separator, start);
      end = next === -1 ? text.length : next;
      cells.push(bareCell(text.slice(start, end), line));
    }
    if (end === text.length) return cells;
    start = end + 1;
  }
};

/**
 * The cells of a record, as RFC 4180 has it.
 *
 * @throws ImportFileError when a quote stands where none may, or never ends
 */
export const splitCells = (record: RawRecord, separator: string): string[] =>
  record.text.includes('"') ? splitQuoted(record, separator) : record.text.split(separator);
