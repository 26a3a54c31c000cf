import type { Problem, Rule } from '../rules.ts';

/**
 * Why no user came of a line: of the reader, of the users who are there, or of the database. Of the
 * last one a user came, but not of all cells.
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

/** Codes that the same line may be taken in spite of, once users or database have changed. */
export const REFUSAL_CODES: readonly FailureCode[] = [
  'unknownUser',
  'ambiguousUser',
  'held',
  'rejected',
];

/** A line that no user is made of. */
export interface FailedLine {
  line: number;
  payload: string;
  code: FailureCode;
  /** Names columns and rules, never values. */
  message: string;
  /** The same for programs. */
  problems: readonly Problem[];
}

/** What is told of a line that failed. */
export type Failure = Pick<FailedLine, 'code' | 'message' | 'problems'>;

/** Why a line failed that is wrong as a whole. */
export const wholeLine = (
  code: Exclude<FailureCode, 'invalidDataType' | 'propertyRequired' | 'cellsSkipped'>,
  message: string,
): Failure => {
  const rule: Rule = code === 'wrongCellCount' ? 'cellCount' : code;
  return { code, message, problems: [{ column: null, rule }] };
};
