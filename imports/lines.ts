import type { Readable } from 'node:stream';
import { fieldNames } from '../selection/fields.ts';
import { foldName } from './column-names.ts';
import { ImportFileError } from './file-error.ts';
import type { Head } from './head.ts';
import { checkHeader, emptyFile, type HeaderOptions, type ImportColumn } from './header.ts';
import { type CsvRecord, recordsOf } from './records.ts';

/** Of a file, after its header. */
export const MAX_LINES = 5_000_000;

const columnsOf = ({ cells, line }: CsvRecord, options: HeaderOptions): ImportColumn[] => {
  const header = checkHeader(cells, options);
  if ('columns' in header) return header.columns;
  const faults = header.faults.map(({ pointer, detail }) => `${pointer} ${detail.trim()}`);
  throw new ImportFileError('invalidHeader', line, `${faults.join('; ')}.`);
};

/**
 * Finds lines that are the header again, as joined files have them: those whose user would be named as
 * the column is, and those of names of columns only.
 *
 * @throws ImportFileError when such a line names other columns, or in another order: what follows would
 *   be read as what it is not
 */
const createHeaderCheck = (
  header: CsvRecord,
  columns: readonly ImportColumn[],
  { types, columns: mapping }: HeaderOptions,
) => {
  const folded = header.cells.map(foldName);
  const isOther = (cells: readonly string[]): boolean => {
    const width = Math.max(folded.length, cells.length);
    for (let index = 0; index < width; index++) {
      if (foldName(cells[index] ?? '') !== (folded[index] ?? '')) return true;
    }
    return false;
  };
  const own = mapping === undefined ? [] : header.cells.filter((name) => foldName(name) !== '');
  const known = new Set([...fieldNames(types), ...own].map(foldName));
  const { name: idName = '', index: idIndex = 0 } =
    columns.find(({ target }) => target === 'key') ?? {};
  const foldedIdName = foldName(idName);
  const longest = Math.max(...[...fieldNames(types), ...own].map(({ length }) => length)) + 1;
  /** Where columns have names of their own, which may be any words, only the whole header is one. */
  const names = (cells: readonly string[]): boolean =>
    mapping === undefined
      ? cells.every((cell) => cell === '' || known.has(foldName(cell))) &&
        cells.some((cell) => foldName(cell) === foldedIdName)
      : !isOther(cells);
  return ({ cells, line }: CsvRecord): boolean => {
    const id = cells[idIndex] ?? '';
    // Hardly any line gets further, and folding a name takes time.
    if (id.length > longest || (id !== idName && !known.has(foldName(id)))) return false;
    if (id !== idName && !names(cells)) return false;
    if (!isOther(cells)) return true;
    const message =
      'the columns are named again, and not as in the first line. Import each file by itself.';
    throw new ImportFileError('invalidHeader', line, message);
  };
};

/** Takes off empty cells below columns without a name, which are padding. */
const withoutPadding = (record: CsvRecord, count: number, width: number): CsvRecord => {
  const { cells } = record;
  if (cells.length <= count || cells.length > width) return record;
  return cells.slice(count).every((cell) => cell === '')
    ? { ...record, cells: cells.slice(0, count) }
    : record;
};

export interface FileLines {
  columns: ImportColumn[];
  /** Whether the file begins with a byte-order mark. */
  isMarked: boolean;
  /** Of the lines after the header. */
  records: CsvRecord[];
}

const createLineFilter = (header: CsvRecord, options: HeaderOptions) => {
  const columns = columnsOf(header, options);
  const isHeader = createHeaderCheck(header, columns, options);
  return (records: readonly CsvRecord[]): Omit<FileLines, 'isMarked'> => ({
    columns,
    records: records
      .filter((record) => !isHeader(record))
      .map((record) => withoutPadding(record, columns.length, header.cells.length)),
  });
};

/**
 * The lines of a file after its header, some at a time, in their order. Whoever reads them to the end
 * has found all that is wrong with the file itself; what the lines say is for `readChunks`, which takes
 * twice the time.
 *
 * @throws ImportFileError when the file cannot be read to its end; what the stream throws
 */
export const linesOf = async function* (
  file: Readable,
  options: HeaderOptions,
): AsyncGenerator<FileLines> {
  let take: ReturnType<typeof createLineFilter> | undefined;
  let count = 0;
  let isMarked = false;
  const noteHead = (head: Head) => void ({ isMarked } = head);
  for await (const records of recordsOf(file, noteHead)) {
    if (take === undefined) {
      const header = records.shift();
      if (header === undefined) continue;
      take = createLineFilter(header, options);
    }
    const lines = take(records);
    const first = lines.records[MAX_LINES - count];
    if (first !== undefined) {
      const message = `there are more than ${MAX_LINES} lines. Split the file.`;
      throw new ImportFileError('tooManyRows', first.line, message);
    }
    count += lines.records.length;
    yield { ...lines, isMarked };
  }
  if (take === undefined) throw emptyFile();
};
