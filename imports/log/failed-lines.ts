import type { Problem, Rule } from '../rules.ts';

/**
 * Why no user was made of a line: errors of the reader, of existing users, or of the database. With
 * `cellsSkipped`, a user was made, but not of all cells.
 */
export const FAILURE_CODES = [
  'propertyRequired',
  'invalidDataType',
  'wrongCellCount',
  'unknownUser',
  'ambiguousUser',
  'held',
  'rejected',
  'cellsSkipped',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

/** Codes of lines that may succeed unchanged once users or the database have changed. */
export const REFUSAL_CODES: readonly FailureCode[] = [
  'unknownUser',
  'ambiguousUser',
  'held',
  'rejected',
];

/** A line of which no user was made. */
export interface FailedLine {
  line: number;
  payload: string;
  code: FailureCode;
  /** Names columns and rules, never values. */
  message: string;
  /** The same for programs. */
  problems: readonly Problem[];
}

/** The report of a failed line. */
export type Failure = Pick<FailedLine, 'code' | 'message' | 'problems'>;

/** The failure of a line as a whole. */
export const wholeLine = (
  code: Exclude<FailureCode, 'invalidDataType' | 'propertyRequired' | 'cellsSkipped'>,
  message: string,
): Failure => {
  const rule: Rule = code === 'wrongCellCount' ? 'cellCount' : code;
  return { code, message, problems: [{ column: null, rule }] };
};
