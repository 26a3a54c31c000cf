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
  /** The line as CSV with commas. */
  payload: string;
  code: FailureCode;
  /** Names columns and rules, never values. */
  message: string;
  /** The same for programs. */
  problems: readonly Problem[];
}

/** The report of a failed line. */
export type Failure = Pick<FailedLine, 'code' | 'message' | 'problems'>;

/** Replaces NUL, the one character of a line that PostgreSQL cannot store. */
export const REPLACEMENT = '\uFFFD';

export const REPLACED_PROBLEM = {
  rule: 'notStorable',
  message: 'has U+FFFD, which replaces a character that cannot be stored',
} as const satisfies { rule: Rule; message: string };

/**
 * A failed line as PostgreSQL can store it. A line may have U+FFFD of its own, so the message
 * states whether a character was replaced.
 */
export const storableLine = (failed: FailedLine): FailedLine => {
  if (!failed.payload.includes('\0')) return failed;
  return {
    ...failed,
    payload: failed.payload.replaceAll('\0', REPLACEMENT),
    message: `${failed.message}; ${REPLACED_PROBLEM.message}`,
  };
};

/** The failure of a line as a whole. */
export const wholeLine = (
  code: Exclude<FailureCode, 'invalidDataType' | 'propertyRequired' | 'cellsSkipped'>,
  message: string,
): Failure => {
  const rule: Rule = code === 'wrongCellCount' ? 'cellCount' : code;
  return { code, message, problems: [{ column: null, rule }] };
};
