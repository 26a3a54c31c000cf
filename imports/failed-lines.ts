/** Why no user came of a line: of the reader, of the users who are there, or of the database. */
export const FAILURE_CODES = [
  'propertyRequired',
  'invalidDataType',
  'wrongCellCount',
  'unknownUser',
  'ambiguousUser',
  'held',
  'rejected',
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
}
