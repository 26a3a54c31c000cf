import { BYTE_ORDER_MARK } from '../selection/characters.ts';
import { ImportFileError } from './file-error.ts';
import { nameOfSeparator } from './separator-lines.ts';

/** Text that is read at most to find where the header ends, in bytes. */
const MAX_HEAD_BYTES = 4 * 1024 * 1024;

/** Blank lines before the header, in bytes. */
export const MAX_BLANK_HEAD_BYTES = 64 * 1024;

export const blankHead = (line: number): ImportFileError =>
  new ImportFileError(
    'empty',
    line,
    'all lines up to here are blank. The first line of a file must name the columns.',
  );

const LINE_BREAK = /\r\n|\n|\r/g;

export const countBreaks = (text: string): number => text.match(LINE_BREAK)?.length ?? 0;

/**
 * Marks and blank lines that a text begins with, and perhaps a line such as `sep=;`, by which Excel
 * is told what separates cells, or `sep=,,,` of a sheet that was saved again; the first other line;
 * and the end of that.
 */
const HEAD =
  /^([\uFEFF\r\n]*)(?:("?sep="?([^"\w\p{L}\p{N}\r\n])[^\w\p{L}\p{N}\r\n]*)(?=[\r\n]))?([\uFEFF\r\n]*)([^\r\n]*)([\r\n]?)/iu;

const SEPARATORS = [',', ';', '\t'];

const QUOTED = /"(?:[^"]|"")*"?/g;
const OUTER_QUOTES = /^"|"$/g;
/** In place of what stands in quotes, where a separator is none. */
const NO_SEPARATOR = '"';

/**
 * What splits the header into the most of the names that somebody has said it has, and else into
 * the most cells.
 */
const separatorOf = (header: string, names: ReadonlySet<string>): string => {
  const bare = header.replace(QUOTED, NO_SEPARATOR);
  const ways = SEPARATORS.map((separator) => ({
    separator,
    known: header.split(separator).filter((name) => names.has(name.replace(OUTER_QUOTES, '')))
      .length,
    cells: bare.split(separator).length,
  }));
  return ways.toSorted((a, b) => b.known - a.known || b.cells - a.cells)[0]?.separator ?? ',';
};

/** @throws ImportFileError when the separator that a line names is not that of the header */
const requireUse = (
  separator: string,
  header: string,
  { line, names }: { line: number; names: ReadonlySet<string> },
): void => {
  const bare = header.replace(QUOTED, NO_SEPARATOR);
  const other = SEPARATORS.find((used) => bare.includes(used));
  if (bare.includes(separator) || other === undefined || names.has(header)) return;
  const message =
    `the line before names ${nameOfSeparator(separator)} as the separator, but this line with the columns ` +
    `has ${nameOfSeparator(other)}. Correct the line that begins with sep=, or remove it.`;
  throw new ImportFileError('invalidHeader', line, message);
};

/** How a text begins. */
export interface Head {
  /** Whether its first character is a byte-order mark. */
  isMarked: boolean;
  /** Of what was read of the text, all after `skippedBytes`. */
  rest: Buffer;
  /** Number of the line that `rest` begins with, from 1. */
  line: number;
  separator: string;
  /** Whether a line of its own says what the separator is. */
  isSeparatorNamed: boolean;
  /** The first line that is not blank, without its end. */
  header: Buffer;
}

const lookAt = (text: Buffer) => {
  const found = HEAD.exec(text.toString()) ?? [];
  const [, marks = '', note = '', separator, blank = '', header = '', end = ''] = found;
  return { skipped: marks + note + blank, separator, header, isWhole: end !== '' };
};

const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * Reads a text as far as the end of its header. `names` are those of columns that it is known to
 * have, and that may hold what separates cells in other files.
 *
 * @throws ImportFileError when it begins with more blank lines than anyone has, or names another
 *   separator than it has
 */
export const readHead = async (text: AsyncGenerator<Buffer>, names = NO_NAMES): Promise<Head> => {
  let read: Buffer = Buffer.alloc(0);
  let found = lookAt(read);
  let lookedBytes = 0;
  while (!found.isWhole && read.length <= MAX_HEAD_BYTES) {
    if (found.skipped.length > MAX_BLANK_HEAD_BYTES) break;
    const next = await text.next();
    if (next.done !== true) read = Buffer.concat([read, next.value]);
    // Few looks, however small the pieces are.
    if (next.done !== true && read.length < 2 * lookedBytes) continue;
    lookedBytes = read.length;
    found = lookAt(read);
    if (next.done === true) break;
  }
  const { skipped, separator, header } = found;
  const line = 1 + countBreaks(skipped);
  if (skipped.length > MAX_BLANK_HEAD_BYTES) throw blankHead(line);
  if (separator !== undefined) requireUse(separator, header, { line, names });
  return {
    isMarked: skipped.startsWith(BYTE_ORDER_MARK),
    rest: read.subarray(Buffer.byteLength(skipped)),
    line,
    separator: separator ?? separatorOf(header, names),
    isSeparatorNamed: separator !== undefined,
    header: Buffer.from(header),
  };
};
