import { finished, type Readable } from 'node:stream';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { ImportFileError } from './file-error.ts';
import { textOf } from './text.ts';

/** Longest record, in UTF-16 units of its cells, and one more for each. */
export const MAX_RECORD_LENGTH = 1024 * 1024;
/** No record within the limit has more: three bytes a unit, a separator and two quotes a cell. */
const MAX_RECORD_BYTES = 4 * MAX_RECORD_LENGTH;

/**
 * Parsed before others have their turn: answers of a database that wait meanwhile make an import a third
 * slower, and lines that have not as many cells as the first one take 20 µs each.
 */
const MAX_TURN_BYTES = 32 * 1024;

/** A record of CSV. */
export interface CsvRecord {
  /** Number of its first line in the file, from 1. */
  line: number;
  cells: string[];
  /** As `MAX_RECORD_LENGTH` counts it. */
  length: number;
}

/** What the beginning of a file says of it. */
export interface FileHead {
  /** Whether it begins with a byte-order mark. */
  isMarked: boolean;
}

const LINE_BREAK = /\r\n|\n|\r/g;

const countBreaks = (text: string): number => text.match(LINE_BREAK)?.length ?? 0;

/** What splits the header into the most cells; names of columns hold no separator. */
const separatorOf = (header: string): string => {
  const cellCount = (separator: string) => header.split(separator).length;
  return [',', ';', '\t'].toSorted((a, b) => cellCount(b) - cellCount(a))[0] ?? ',';
};

const tooLong = (line: number): ImportFileError =>
  new ImportFileError(
    'recordTooLong',
    line,
    `what begins here is longer than ${MAX_RECORD_LENGTH} characters. Does a quote never end?`,
  );

const toFileError = (error: Error, line: number): Error => {
  if (!(error instanceof CsvError)) return error;
  const message =
    error.code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'a quote opens that never ends. Close it.'
      : 'a quote stands within a cell. Put the cell in quotes and double those within.';
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
 * Parses text whose first record begins on `line`. Blank lines come out of the library as records:
 * to tell after which record it left some out would take a fifth more time.
 */
const createReader = (separator: string, firstLine: number) => {
  let line = firstLine;
  let openBytes = 0;
  const parsed: string[][] = [];
  const parser = parse({
    delimiter: separator,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
  });
  parser.on('data', (cells: string[]) => parsed.push(cells));
  // Whoever writes gets it.
  parser.on('error', () => {});

  /** What was parsed before the error, too, for the line of that. */
  const take = (error: Error | null | undefined): CsvRecord[] => {
    const records: CsvRecord[] = [];
    for (const cells of parsed.splice(0)) {
      const { length, breaks } = measure(cells);
      if (length > MAX_RECORD_LENGTH) throw tooLong(line);
      if (cells.length > 1 || cells[0] !== '') records.push({ line, cells, length });
      line += 1 + breaks;
      openBytes = 0;
    }
    if (error) throw toFileError(error, line);
    if (openBytes > MAX_RECORD_BYTES) throw tooLong(line);
    return records;
  };

  return {
    read: async (bytes: Buffer): Promise<CsvRecord[]> => {
      openBytes += bytes.length;
      return take(await new Promise((resolve) => parser.write(bytes, resolve)));
    },
    end: async (): Promise<CsvRecord[]> =>
      take(await new Promise((resolve) => finished(parser.end(), resolve))),
  };
};

/** The mark and blank lines that a text begins with, its first other line, and the end of that. */
const HEAD = /^(\uFEFF?([\r\n]*))([^\r\n]*)([\r\n]?)/;

const lookAt = (head: Buffer) => {
  const [, skipped = '', blank = '', header = '', end = ''] = HEAD.exec(head.toString()) ?? [];
  const isMarked = skipped.startsWith('\uFEFF');
  return { skippedBytes: Buffer.byteLength(skipped), isMarked, blank, header, isWhole: end !== '' };
};

/** A text as far as the end of its header. */
const readHead = async (text: AsyncGenerator<Buffer>): Promise<Buffer> => {
  let head: Buffer = Buffer.alloc(0);
  while (!lookAt(head).isWhole && head.length <= MAX_RECORD_BYTES) {
    const next = await text.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
};

const startingWith = async function* (first: Buffer, rest: AsyncIterable<Buffer>) {
  yield first;
  yield* rest;
};

const turnsOf = function* (bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MAX_TURN_BYTES) {
    yield bytes.subarray(at, at + MAX_TURN_BYTES);
  }
};

/**
 * The records of a file in their order, some at a time and without blank lines; the first one says
 * what separates cells. A record may have any number of them. `onHead` is called before the first one.
 *
 * @throws ImportFileError when it is no text, no CSV, or a record is too long; what the stream
 * throws
 */
export const recordsOf = async function* (
  file: Readable,
  onHead?: (head: FileHead) => void,
): AsyncGenerator<CsvRecord[]> {
  try {
    const text = textOf(file);
    const head = await readHead(text);
    const { skippedBytes, isMarked, blank, header } = lookAt(head);
    onHead?.({ isMarked });
    const reader = createReader(separatorOf(header), 1 + countBreaks(blank));
    for await (const piece of startingWith(head.subarray(skippedBytes), text)) {
      for (const turn of turnsOf(piece)) {
        yield await reader.read(turn);
        await othersTurn();
      }
    }
    yield await reader.end();
  } finally {
    file.destroy();
  }
};
