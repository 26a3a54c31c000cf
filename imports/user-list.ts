import type { Readable } from 'node:stream';
import { fieldNames } from '../selection/fields.ts';
import { unguarded } from '../selection/formula-guard.ts';
import { MATCH_BY, MAX_USER_ID_LENGTH, type MatchBy } from '../selection/selection.ts';
import { isLongerThan } from '../selection/values.ts';
import { createNameFinder, foldName, unmistakableName } from './column-names.ts';
import { ImportFileError, tooManyRows } from './file-error.ts';
import type { Head } from './head.ts';
import { emptyFile, OTHER_SEPARATOR } from './header.ts';
import { createJoinCheck, withoutEmptyEnd } from './joined.ts';
import { MAX_LINES } from './lines.ts';
import { type CsvRecord, recordsOf } from './records.ts';

/** Most entries of a list, repeated ones included. */
export const MAX_LIST_ENTRIES = 1_000_000;
/** Longest text of a list, in bytes. The API reads it while it serves other requests. */
const MAX_LIST_BYTES = 1024 ** 3;

/** An id or email address as in the file, and its line number. */
export interface ListEntry {
  line: number;
  entry: string;
}

export interface ListPiece {
  /** The column that was read. */
  matchBy: MatchBy;
  entries: ListEntry[];
  /** Lines whose cell of that column is empty. */
  empty: number;
}

export interface ListOptions {
  /** The column to read. Default: `userId`, or `email` if there is no `userId`. */
  matchBy?: MatchBy | undefined;
  /**
   * Whether the file is guarded against formulas. Default: whether it begins with a byte-order
   * mark.
   */
  spreadsheetSafe?: boolean | undefined;
}

/**
 * The entries of a list of users in order, several at a time.
 *
 * @throws ImportFileError when the file is not a list of users, or cannot be read to its end;
 *   errors of the stream
 */
export const entriesOf = async function* (
  file: Readable,
  options: ListOptions,
): AsyncGenerator<ListPiece> {
  let reader: ReturnType<typeof createEntryReader> | undefined;
  let head = { isMarked: false, separator: ',' };
  let count = 0;
  let lines = 0;
  const onHead = (found: Head) => void (head = found);
  for await (const records of recordsOf(file, { onHead, maxTextBytes: MAX_LIST_BYTES })) {
    if (reader === undefined) {
      const header = records.shift();
      if (header === undefined) continue;
      reader = createEntryReader(header, options, head);
    }
    const piece: ListPiece = { matchBy: reader.matchBy, entries: [], empty: 0 };
    for (const record of records) {
      const { line } = record;
      if ((lines += 1) > MAX_LINES) throw tooManyRows(line, `${MAX_LINES} lines`);
      const entry = reader.read(record);
      if (entry === undefined) piece.empty += 1;
      if (entry == null) continue;
      if ((count += 1) > MAX_LIST_ENTRIES) throw tooManyRows(line, `${MAX_LIST_ENTRIES} entries`);
      piece.entries.push({ line, entry });
    }
    yield piece;
  }
  if (reader === undefined) throw emptyFile();
  if (count > 0) return;
  throw new ImportFileError('empty', 1, `no line has a value for ${reader.matchBy}.`);
};

/**
 * Makes a function that reads cells of one column. A line that does not fit the header may hold
 * another value in this column. So such a line is an error, and names no user.
 */
const createEntryReader = (
  header: CsvRecord,
  options: ListOptions,
  { isMarked, separator }: Pick<Head, 'isMarked' | 'separator'>,
) => {
  const { matchBy, index } = findColumn(header, options.matchBy);
  const isGuarded = options.spreadsheetSafe ?? isMarked;
  const names = withoutEmptyEnd(header.cells);
  const known = new Set([...fieldNames(new Map()), ...names]);
  const width = header.cells.findLastIndex((name) => foldName(name) !== '') + 1;
  const findJoin = createJoinCheck({ names, key: matchBy, known, separator });
  /** Compares the line's cells only: the header may have many more cells, which are padding. */
  const isHeader = (cells: readonly string[]): boolean =>
    cells[index] === matchBy &&
    cells.length >= names.length &&
    cells.every((cell, at) => cell === (header.cells[at] ?? cell));

  const isOtherHeader = (cells: readonly string[]): boolean => {
    const given = cells.filter((cell) => cell !== '');
    return given.length > 1 && given.includes(matchBy) && given.every((cell) => known.has(cell));
  };

  const requireFit = ({ cells, line }: CsvRecord): void => {
    const rest = cells.slice(width).some((cell) => cell !== '');
    if (cells.length >= width && !rest) return;
    const message = `the line has ${cells.length} cells, but the header has ${width}. Put a cell with a separator in quotes.`;
    throw new ImportFileError('invalidCsv', line, message);
  };
  return {
    matchBy,
    /**
     * Undefined for a line without an entry, null for a repeated header.
     *
     * @throws ImportFileError when the line does not fit, or is another header
     */
    read: (record: CsvRecord): string | undefined | null => {
      const { cells, line } = record;
      if (isHeader(cells)) return null;
      requireNoNote(record.note ?? record);
      if (findJoin(cells) !== undefined || isOtherHeader(cells)) throw otherHeader(line);
      requireFit(record);
      const cell = cells[index] ?? '';
      const text = isGuarded ? unguarded(cell) : cell;
      // Email addresses have no blanks around them, but ids may.
      const entry = matchBy === 'email' ? text.trim() : text;
      if (entry === '') return undefined;
      if (entry === matchBy) throw otherHeader(line);
      if (isLongerThan(entry, MAX_USER_ID_LENGTH)) {
        const message = `the cell of ${matchBy} must have at most ${MAX_USER_ID_LENGTH} characters.`;
        throw new ImportFileError('recordTooLong', line, message);
      }
      // PostgreSQL cannot store NUL, so no user can have such an id.
      if (!entry.includes('\0')) return entry;
      throw new ImportFileError('notCsv', line, `the cell of ${matchBy} has a NUL character.`);
    },
  };
};

/**
 * The column to read. The error quotes only a nearly correct name, because any other text of the
 * first line may be an entry.
 *
 * @throws ImportFileError when there is no such column, or two
 */
const findColumn = ({ cells, line }: CsvRecord, matchBy: MatchBy | undefined) => {
  const wanted = matchBy === undefined ? MATCH_BY : [matchBy];
  const found = wanted.find((name) => cells.includes(name));
  if (found === undefined) throw invalidHeader(line, whyNoColumn(cells, wanted));
  const index = cells.indexOf(found);
  if (cells.lastIndexOf(found) === index) return { matchBy: found, index };
  throw invalidHeader(line, `the column ${found} is repeated.`);
};

const invalidHeader = (line: number, detail: string): ImportFileError =>
  new ImportFileError('invalidHeader', line, detail);

const whyNoColumn = (names: readonly string[], wanted: readonly MatchBy[]): string => {
  const known = wanted.join(' or ');
  const findMeant = createNameFinder(wanted);
  const meant = names.find((name) => findMeant(name) !== undefined);
  if (meant !== undefined) {
    return `${unmistakableName(meant)}: did you mean \`${findMeant(meant)}\`?`;
  }
  const [only = ''] = names;
  if (names.length > 1) return `no column has exactly the name ${known}.`;
  return OTHER_SEPARATOR.test(only)
    ? `there is one column, and its name is not ${known}. Separate cells with a comma, semicolon or tab; ` +
        'to use another separator, put a line such as sep=| first.'
    : `the first line has no column ${known}. Put this name on the first line, and each entry on its own line below.`;
};

const requireNoNote = ({ line, problem }: CsvRecord): void => {
  if (problem !== undefined) throw invalidHeader(line, `the line ${problem.message}.`);
};

const otherHeader = (line: number): ImportFileError =>
  invalidHeader(
    line,
    'the columns are named again, but differ from the first line. Upload each file separately.',
  );
