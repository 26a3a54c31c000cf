import { BYTE_ORDER_MARK } from '../selection/characters.ts';
import { ImportFileError } from './file-error.ts';
import { nameOfSeparator } from './separator-lines.ts';

/** Most bytes that are read to find the end of the header. */
const MAX_HEAD_BYTES = 4 * 1024 * 1024;

/** Most bytes of blank lines before the header. */
export const MAX_BLANK_HEAD_BYTES = 64 * 1024;

const LINE_BREAK = /\r\n|\n|\r/g;

/**
 * Matches: marks and blank lines; an optional line such as `sep=;`, which names the separator for
 * Excel, or `sep=,,,` from a sheet that was saved again; the first other line; and the end of that
 * line.
 */
const HEAD =
  /^([\uFEFF\r\n]*)(?:("?sep="?([^"\w\p{L}\p{N}\r\n])[^\w\p{L}\p{N}\r\n]*)(?=[\r\n]))?([\uFEFF\r\n]*)([^\r\n]*)([\r\n]?)/iu;

const SEPARATORS = [',', ';', '\t'];

const QUOTED = /"(?:[^"]|"")*"?/g;
const OUTER_QUOTES = /^"|"$/g;
/** Replaces quoted text, in which a separator does not count. */
const NO_SEPARATOR = '"';

/** The beginning of a text. */
export interface Head {
  /** Whether the first character is a byte-order mark. */
  isMarked: boolean;
  /** The text read so far, from the header on. */
  rest: Buffer;
  /** Line number of the start of `rest`, from 1. */
  line: number;
  separator: string;
  /** Whether a line of its own names the separator. */
  isSeparatorNamed: boolean;
  /** The first line that is not blank, without its line break. */
  header: Buffer;
}

const NO_NAMES: ReadonlySet<string> = new Set();

export const blankHead = (line: number): ImportFileError =>
  new ImportFileError(
    'empty',
    line,
    'all lines up to here are blank. The first line of a file must name the columns.',
  );

export const countBreaks = (text: string): number => text.match(LINE_BREAK)?.length ?? 0;

/**
 * Reads a text up to the end of its header. `names` are columns that the text is said to have; they
 * may contain separators of other files.
 *
 * @throws ImportFileError when the text begins with too many blank lines, or names a separator that
 *   the header does not use
 */
export const readHead = async (text: AsyncGenerator<Buffer>, names = NO_NAMES): Promise<Head> => {
  let read: Buffer = Buffer.alloc(0);
  let found = lookAt(read);
  let lookedBytes = 0;
  while (!found.isWhole && read.length <= MAX_HEAD_BYTES) {
    if (found.skipped.length > MAX_BLANK_HEAD_BYTES) break;
    const next = await text.next();
    if (next.done !== true) read = Buffer.concat([read, next.value]);
    // Limits the number of checks when pieces are small.
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

const lookAt = (text: Buffer) => {
  const found = HEAD.exec(text.toString()) ?? [];
  const [, marks = '', note = '', separator, blank = '', header = '', end = ''] = found;
  return { skipped: marks + note + blank, separator, header, isWhole: end !== '' };
};

/** @throws ImportFileError when a line names a separator that the header does not use */
const requireUse = (
  separator: string,
  header: string,
  { line, names }: { line: number; names: ReadonlySet<string> },
): void => {
  const bare = header.replace(QUOTED, NO_SEPARATOR);
  const other = SEPARATORS.find((used) => bare.includes(used));
  if (bare.includes(separator) || other === undefined || names.has(header)) return;
  const message =
    `the previous line names ${nameOfSeparator(separator)} as the separator, but this line with the column names ` +
    `uses ${nameOfSeparator(other)}. Correct the line that begins with sep=, or remove it.`;
  throw new ImportFileError('invalidHeader', line, message);
};

/**
 * The separator that splits the header into the most names of `names`; among equals, into the most
 * cells.
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
