import type { Readable } from 'node:stream';
import { guarded, GUARDED_FILE_MARK, unguarded } from '../../selection/formula-guard.ts';
import { isTextType } from '../cells.ts';
import type { FailedLine } from './failed-lines.ts';
import type { Head } from '../head.ts';
import { checkHeader, type HeaderOptions, namesOf, ownNames } from '../header.ts';
import { isErrorCell } from './log-lines.ts';
import { LOG_COLUMN } from '../mapping.ts';
import type { ImportOptions } from '../options.ts';
import { recordsOf } from '../records.ts';

/** The properties of the imported file that its log copies. */
export interface LogHead {
  separator: string;
  /** Whether a first line names the separator. */
  isSeparatorNamed: boolean;
  /** The file's columns, without the error column of a previous log. */
  names: readonly string[];
  /** Whether each cell of a line is guarded against formulas in the file. */
  isGuarded: readonly boolean[];
  /** Whether lines end with an error of a previous log. */
  isLog: boolean;
}

const QUOTED = /"((?:[^"]|"")*)"|([^,]*)/y;

/** A failed line as it is stored. */
export type KeptLine = Pick<FailedLine, 'line' | 'payload' | 'code' | 'message'>;

/** Reads the beginning of the file whose lines are to be logged, and closes the file. */
export const readLogHead = async (
  file: Readable,
  options: HeaderOptions & Pick<ImportOptions, 'spreadsheetSafe'>,
): Promise<LogHead> => {
  let head: Head | undefined;
  const onHead = (found: Head) => void (head = found);
  for await (const [first] of recordsOf(file, { onHead, names: namesOf(options) })) {
    if (first === undefined || head === undefined) continue;
    const { separator, isSeparatorNamed, isMarked } = head;
    const { names, isLog } = ownNames(first.cells, options.columns);
    const header = checkHeader(first.cells, options);
    const columns = 'columns' in header ? header.columns : [];
    const isFileGuarded = options.spreadsheetSafe ?? isMarked;
    const types = new Map(columns.map(({ index, type }) => [index, type]));
    const isGuarded = names.map(
      (_, index) => isFileGuarded && (isLog || isTextType(types.get(index) ?? 'string')),
    );
    return { separator, isSeparatorNamed, names, isGuarded, isLog };
  }
  return { separator: ',', isSeparatorNamed: false, names: [], isGuarded: [], isLog: false };
};

/**
 * Writes a log in the format of the imported file, so that the corrected log can be imported
 * unchanged. A log for spreadsheets begins with a mark, and every cell is guarded.
 */
export const logLines = (head: LogHead, spreadsheetSafe: boolean) => {
  const { separator } = head;
  const special = new RegExp(`["\\r\\n\\uFEFF${separator.replace(/[\\\]^-]/, '\\$&')}]`);
  const cellOf = (text: string): string => {
    const safe = spreadsheetSafe ? guarded(text) : text;
    return special.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const record = (cells: readonly string[]): string => `${cells.map(cellOf).join(separator)}\n`;
  return {
    begin:
      (spreadsheetSafe ? GUARDED_FILE_MARK : '') +
      (head.isSeparatorNamed ? `sep=${separator}\n` : '') +
      record([...head.names, LOG_COLUMN]),
    line: ({ line, payload, code, message }: KeptLine): string => {
      const all = cellsOf(payload);
      // A line that has lost its last cell ends with a value.
      const endsWithError = all.length > head.names.length || isErrorCell(all.at(-1) ?? '');
      const cells = head.isLog && endsWithError ? all.slice(0, -1) : all;
      const values = cells.map((cell, index) => (head.isGuarded[index] ? unguarded(cell) : cell));
      return record([...values, `${code}, line ${line}: ${message}`]);
    },
  };
};

/** The cells of a stored line, which are separated by commas. */
const cellsOf = (payload: string): string[] => {
  if (!payload.includes('"')) return payload.split(',');
  const cells: string[] = [];
  for (QUOTED.lastIndex = 0; ; QUOTED.lastIndex += 1) {
    const [, quotedText, plain = ''] = QUOTED.exec(payload) ?? [];
    cells.push(quotedText?.replaceAll('""', '"') ?? plain);
    if (payload[QUOTED.lastIndex] !== ',') return cells;
  }
};
