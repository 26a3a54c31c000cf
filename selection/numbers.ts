/** Most significant digits of a number. A 64-bit float holds this many without loss. */
const MAX_DIGITS = 15;
/**
 * Longest text of a number, in characters: 1e308 without an exponent has 309 digits, the smallest
 * numbers a few more.
 */
const MAX_NUMBER_LENGTH = 400;

export const NUMBER_RULE =
  `must be a number of at most ${MAX_DIGITS} significant digits, ` +
  'in the range of a 64-bit float';

/** The number format of JSON. */
const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** A number without an exponent. A short one is exact. */
const PLAIN = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

interface Decimal {
  sign: string;
  /** Without leading and trailing zeros; empty for 0. */
  digits: string;
  /**
   * Number of digits before the decimal point; negative if zeros stand between the point and the
   * digits.
   */
  point: number;
}

/**
 * The number of a text in JSON's format. Undefined if a 64-bit float cannot hold exactly this
 * number: it has too many significant digits, is too large, or would become 0. Zeros at the end are
 * not significant.
 */
export const exactNumber = (text: string): number | undefined => {
  if (text.length <= MAX_DIGITS && PLAIN.test(text)) return Number(text);
  if (text.length > MAX_NUMBER_LENGTH) return undefined;
  const given = decimalOf(text);
  if (given === undefined || given.digits.length > MAX_DIGITS) return undefined;
  const value = Number(text);
  if (given.digits === '') return value;
  const held = decimalOf(String(value));
  const isSame = held?.digits === given.digits && held.point === given.point;
  return isSame ? value : undefined;
};

/** The problem of a value from JSON. The JSON reader turns inexact numbers into infinite ones. */
export const numberProblem = (value: unknown): string | undefined =>
  typeof value === 'number' && exactNumber(String(value)) !== undefined ? undefined : NUMBER_RULE;

const decimalOf = (text: string): Decimal | undefined => {
  const parts = NUMBER.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const all = whole + fraction;
  const significant = all.replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  const zerosBefore = all.length - significant.length;
  return { sign, digits, point: whole.length + Number(exponent) - zerosBefore };
};
