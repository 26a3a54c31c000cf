import type { Readable } from 'node:stream';
import { BYTE_ORDER_MARK } from '../selection/characters.ts';
import { fieldNames } from '../selection/fields.ts';
import { foldName } from './column-names.ts';
import { ImportFileError, tooManyRows } from './file-error.ts';
import type { Head } from './head.ts';
import {
  checkHeader,
  emptyFile,
  namesOf,
  type HeaderOptions,
  type ImportColumn,
} from './header.ts';
import { createJoinCheck, withoutEmptyEnd } from './joined.ts';
import { logProblem, MARK_PROBLEM, withReplaced } from './log/log-lines.ts';
import { type CsvRecord, recordsOf } from './records.ts';

/** Most lines of a file after its header, and most repeated headers, which count separately. */
export const MAX_LINES = 5_000_000;

const GLUED_PROBLEM = {
  rule: 'repeatedHeader',
  message:
    'ends with the header of another file, because the previous file has no line break at its end',
} as const satisfies CsvRecord['problem'];

export interface FileLines {
  columns: ImportColumn[];
  /** Number of cells of the header, including nameless ones at its end. */
  headerCount: number;
  /** Whether the file begins with a byte-order mark. */
  isMarked: boolean;
  /** The lines after the header. */
  records: CsvRecord[];
}

/**
 * The lines of a file after its header, in order, several at a time. Reading to the end finds all
 * errors of the file itself. `readChunks` also checks the lines' values, which takes twice the
 * time.
 *
 * @throws ImportFileError when the file cannot be read to its end; errors of the stream
 */
export const linesOf = async function* (
  file: Readable,
  options: HeaderOptions,
): AsyncGenerator<FileLines> {
  let take: ReturnType<typeof createLineFilter> | undefined;
  let count = 0;
  let isMarked = false;
  let separator = '';
  const onHead = (head: Head) => void ({ isMarked, separator } = head);
  for await (const records of recordsOf(file, { onHead, names: namesOf(options) })) {
    if (take === undefined) {
      const header = records.shift();
      if (header === undefined) continue;
      take = createLineFilter(header, { ...options, separator });
    }
    const lines = take(records, isMarked);
    const first = lines.records[MAX_LINES - count];
    if (first !== undefined) throw tooManyRows(first.line, `${MAX_LINES} lines`);
    count += lines.records.length;
    yield lines;
  }
  if (take === undefined) throw emptyFile();
};

const createLineFilter = (header: CsvRecord, options: HeaderOptions & Pick<Head, 'separator'>) => {
  const columns = columnsOf(header, options);
  const checkHeaderAgain = createHeaderCheck(header, columns, options);
  const isLog = columns.some(({ isOfLog }) => isOfLog === true);
  let headers = 0;
  const readLine = (
    record: CsvRecord,
    again: CsvRecord['problem'],
    isMarked: boolean,
  ): CsvRecord => {
    if (again !== undefined) return { ...record, problem: again };
    if (!isMarked && record.cells[0]?.startsWith(BYTE_ORDER_MARK) === true) {
      return { ...record, problem: MARK_PROBLEM };
    }
    const line = withoutPadding(record, columns.length, header.cells.length);
    const problem = isLog ? logProblem(line.cells, columns.length) : undefined;
    return problem === undefined ? line : { ...line, problem };
  };
  const linesIn = (record: CsvRecord, isMarked: boolean): CsvRecord[] => {
    if (record.problem !== undefined) return [record];
    const again = checkHeaderAgain(record);
    if (again === 'header') {
      if ((headers += 1) > MAX_LINES)
        throw tooManyRows(record.line, `${MAX_LINES} repeated headers`);
      return [];
    }
    const read = readLine(record, again, isMarked);
    const line = isLog ? withReplaced(read) : read;
    return record.note === undefined ? [line] : [record.note, line];
  };
  return (records: readonly CsvRecord[], isMarked: boolean): FileLines => ({
    columns,
    headerCount: header.cells.length,
    isMarked,
    records: records.flatMap((record) => linesIn(record, isMarked)),
  });
};

const columnsOf = ({ cells, line }: CsvRecord, options: HeaderOptions): ImportColumn[] => {
  const header = checkHeader(cells, options);
  if ('columns' in header) return header.columns;
  const faults = header.faults.map(({ pointer, detail }) => `${pointer} ${detail.trim()}`);
  throw new ImportFileError('invalidHeader', line, `${faults.join('; ')}.`);
};

/**
 * Makes a function that detects a repeated header, as in joined files. Returns `header` for the
 * header itself, the problem of a line that must not become a user, or undefined for any other
 * line. It throws an ImportFileError for a line that names other columns, or in another order: the
 * lines after it would be read wrongly.
 */
const createHeaderCheck = (
  header: CsvRecord,
  columns: readonly ImportColumn[],
  { types, columns: mapping, separator }: HeaderOptions & Pick<Head, 'separator'>,
) => {
  const { name: idName = '', index: idIndex = 0 } =
    columns.find(({ target }) => target === 'key') ?? {};
  const foldedId = foldName(idName);
  const logIndex = columns.find(({ isOfLog }) => isOfLog === true)?.index;
  const ownCells = (cells: readonly string[]): readonly string[] => cells.slice(0, logIndex);
  /**
   * Mapped columns may have any words as names, so only the whole header counts as a header then.
   */
  const known = new Set(mapping === undefined ? fieldNames(types) : []);
  // Not by spreading: a header may have more cells than a call takes arguments.
  const longest =
    [...known, ...header.cells].reduce((most, { length }) => Math.max(most, length), 0) + 1;

  const matchesExactly = createMatch(header.cells, logIndex, (name) => name);
  const matchesFolded = createMatch(header.cells, logIndex, foldName);
  const namesColumns = (cells: readonly string[]): boolean => {
    const given = cells.filter((cell) => cell !== '');
    return given.length > 1 && given.includes(idName) && given.every((cell) => known.has(cell));
  };
  const names = withoutEmptyEnd(ownCells(header.cells));
  const findJoin = createJoinCheck({
    names,
    key: idName,
    known: mapping === undefined ? known : new Set(names),
    separator,
  });
  return ({ cells, line }: CsvRecord): 'header' | CsvRecord['problem'] => {
    const join = findJoin(logIndex === undefined ? cells : ownCells(cells));
    if (join === 'other') throw otherHeader(line);
    if (join === 'same') return GLUED_PROBLEM;
    const id = cells[idIndex] ?? '';
    // Returns early for nearly all lines, because folding a name takes time.
    if (id.length > longest) return undefined;
    if (id === idName && matchesExactly(cells)) return 'header';
    if (id === idName || (known.has(id) && namesColumns(cells))) {
      throw otherHeader(line);
    }
    const isLikeHeader = columns.length > 1 && foldName(id) === foldedId && matchesFolded(cells);
    return isLikeHeader
      ? { rule: 'repeatedHeader', message: 'names the columns again, in another spelling' }
      : undefined;
  };
};

/**
 * Makes a function that compares a line with the header, by a form of each name, and without the
 * column of a log. It looks at no more cells than the line has: the header may have many more.
 */
const createMatch = (
  header: readonly string[],
  logIndex: number | undefined,
  form: (name: string) => string,
) => {
  let forms: readonly string[] | undefined;
  const read = (): readonly string[] => {
    const all = header.map((name, index) => (index === logIndex ? '' : form(name)));
    return withoutEmptyEnd(all);
  };
  return (cells: readonly string[]): boolean => {
    const wanted = (forms ??= read());
    if (cells.length < wanted.length) return false;
    return cells.every((cell, index) => index === logIndex || form(cell) === (wanted[index] ?? ''));
  };
};

const otherHeader = (line: number): ImportFileError =>
  new ImportFileError(
    'invalidHeader',
    line,
    'the columns are named again, but differ from the first line. Import each file separately.',
  );

/** Removes empty cells below columns without a name, which are padding. */
const withoutPadding = (record: CsvRecord, count: number, width: number): CsvRecord => {
  const { cells } = record;
  if (cells.length <= count || cells.length > width) return record;
  return cells.slice(count).every((cell) => cell === '')
    ? { ...record, cells: cells.slice(0, count) }
    : record;
};
