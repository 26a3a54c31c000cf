import type { Readable } from 'node:stream';
import type { PropertyTypes } from '../selection/fields.ts';
import { ImportFileError } from './file-error.ts';
import { checkHeader, emptyFile, type ImportColumn } from './header.ts';
import { type CsvRecord, type FileHead, recordsOf } from './records.ts';

/** Of a file, after its header. */
export const MAX_LINES = 5_000_000;

const columnsOf = ({ cells, line }: CsvRecord, types: PropertyTypes): ImportColumn[] => {
  const header = checkHeader(cells, types);
  if (!('errors' in header)) return header.columns;
  const told = header.errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
  throw new ImportFileError('invalidHeader', line, told.join('; '));
};

export interface FileLines {
  columns: ImportColumn[];
  /** Whether the file begins with a byte-order mark. */
  isMarked: boolean;
  /** Of the lines after the header. */
  records: CsvRecord[];
}

/**
 * The lines of a file after its header, some at a time, in their order. Whoever reads them to the end
 * has found all that is wrong with the file itself; what the lines say is for `readChunks`, which takes
 * twice the time.
 *
 * @throws ImportFileError when the file cannot be read to its end; what the stream throws
 */
export const linesOf = async function* (
  file: Readable,
  types: PropertyTypes,
): AsyncGenerator<FileLines> {
  let columns: ImportColumn[] | undefined;
  let count = 0;
  let isMarked = false;
  const noteHead = (head: FileHead) => void (isMarked = head.isMarked);
  for await (const records of recordsOf(file, noteHead)) {
    if (columns === undefined) {
      const header = records.shift();
      if (header === undefined) continue;
      columns = columnsOf(header, types);
    }
    const first = records[MAX_LINES - count];
    if (first !== undefined) {
      const message = `there are more than ${MAX_LINES} lines. Split the file.`;
      throw new ImportFileError('tooManyRows', first.line, message);
    }
    count += records.length;
    yield { columns, isMarked, records };
  }
  if (columns === undefined) throw emptyFile();
};
