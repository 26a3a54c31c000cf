/** Significant digits of a number; a 64-bit float holds this many without loss. */
const MAX_DIGITS = 15;
/**
 * Characters of a number: 1e308 without an exponent has 309, the smallest numbers have some more.
 */
const MAX_NUMBER_LENGTH = 400;

export const NUMBER_RULE =
  `must be a number of at most ${MAX_DIGITS} significant digits, ` +
  'in the range of a 64-bit float';

/** As JSON writes numbers. */
const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Without an exponent. If it is short, it is exact. */
const PLAIN = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

interface Decimal {
  sign: string;
  /** Without zeros before and behind; none for 0. */
  digits: string;
  /**
   * How many of the digits stand before the point; negative for zeros between the point and them.
   */
  point: number;
}

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

/**
 * The number that a text says, in the form of JSON's numbers. Undefined when a 64-bit float would
 * not be that very number: it has too many significant digits, is too large, or is so small that it
 * would become 0. Zeros at the end add nothing to a number and are not counted.
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

/** What is wrong with a value that was read from JSON, where inexact numbers become infinite. */
export const numberProblem = (value: unknown): string | undefined =>
  typeof value === 'number' && exactNumber(String(value)) !== undefined ? undefined : NUMBER_RULE;
