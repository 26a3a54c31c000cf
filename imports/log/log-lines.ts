import { BYTE_ORDER_MARK } from '../../selection/characters.ts';
import { unguarded } from '../../selection/formula-guard.ts';
import { FAILURE_CODES, REPLACED_PROBLEM, REPLACEMENT } from './failed-lines.ts';
import type { CsvRecord } from '../records.ts';
import { namedSeparator, SEPARATOR_PROBLEM } from '../separator-lines.ts';

/** The beginning of the last cell of a log's line; see `log-file.ts`. */
const ERROR_CELL = new RegExp(`^(?:${FAILURE_CODES.join('|')}), line \\d+: `);

export const MARK_PROBLEM = {
  rule: 'byteOrderMark',
  message: 'begins with a byte-order mark (U+FEFF); remove the mark',
} as const satisfies CsvRecord['problem'];

/** Whether a cell is the error of a log's line. */
export const isErrorCell = (cell: string): boolean => ERROR_CELL.test(unguarded(cell));

/**
 * The problem of a line of a log, whose last column states an error. A spreadsheet may have moved
 * its cells. Some errors must be checked here, because the log hides them from the normal checks.
 */
export const logProblem = (cells: readonly string[], width: number): CsvRecord['problem'] => {
  const own = cells.slice(0, width - 1).map(unguarded);
  if (own.some(isErrorCell)) {
    const message = 'has its error message in another column: the cells of the line were moved';
    return { rule: 'cellCount', message };
  }
  if (namedSeparator(own, '') !== undefined) return SEPARATOR_PROBLEM;
  const [first = ''] = own;
  const error = cells[width - 1] ?? '';
  return first.startsWith(BYTE_ORDER_MARK) && isOfMark(error) ? MARK_PROBLEM : undefined;
};

/**
 * A line of a log, with the problem that U+FFFD still replaces a character. It is added to any
 * other problem, because the next log has only the last error of a line.
 */
export const withReplaced = (record: CsvRecord): CsvRecord => {
  const { cells, problem } = record;
  if (!cells.some((cell) => cell.includes(REPLACEMENT)) || !cells.some(isOfReplaced)) return record;
  const message = problem && `${problem.message}; ${REPLACED_PROBLEM.message}`;
  return { ...record, problem: { ...REPLACED_PROBLEM, ...problem, ...(message && { message }) } };
};

const isOfReplaced = (cell: string): boolean =>
  cell.includes(REPLACED_PROBLEM.message) && isErrorCell(cell);

const isOfMark = (error: string): boolean => error.includes(MARK_PROBLEM.message);
