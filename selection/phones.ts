import { nameOfCharacter } from './characters.ts';

const MIN_DIGITS = 5;
const MAX_DIGITS = 20;

const LENGTH = `${MIN_DIGITS} to ${MAX_DIGITS} digits`;
const DIGITS_RULE = `must be a phone number of ${LENGTH}, with the country code`;

const STORED = new RegExp(`^[0-9]{${MIN_DIGITS},${MAX_DIGITS}}$`);
/** Blanks and what cannot be seen, such as the marks that address books put around a number. */
const UNSEEN = /[\s\p{Z}\p{Cf}]/gu;
/** What people put between digits: brackets, points, slashes, and hyphens or dashes of any kind. */
const PUNCTUATION = /[()./\u2010-\u2015\u2212\uFE63\uFF0D-]/g;
const MINUS = /^[\u2212-]/;
/** As a spreadsheet shows a long number, with the point of any language. */
const WITH_EXPONENT = /^[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+$/;
/** As a program writes a number that it took for a decimal one. */
const WITH_DECIMALS = /^[+-]?\d+[.,]0+$/;
/** The 0 that is dialled without the country code only: `+49 (0)30`. */
const TRUNK_ZERO = /^((?:\(?\+|00)[^(]*)\(0\)/;

const EXPONENT =
  'was changed to a number with an exponent, as 1.5E+10, and has lost digits; ' +
  'make the column a text column in the spreadsheet, and enter the phone number again';
const DECIMALS =
  'was changed to a decimal number, as 4930123456.0; ' +
  'save the column as text, without the point and the zeros';

/** A text without blanks, brackets and hyphens: digits, if it is a phone number. */
const withoutPunctuation = (text: string): string =>
  text.replace(UNSEEN, '').replace(TRUNK_ZERO, '$1').replace(PUNCTUATION, '').replace(/^\+/, '');

/** What became of a number on its way through a spreadsheet or a program. */
const spoiltProblem = (text: string): string | undefined => {
  const seen = text.replace(UNSEEN, '');
  if (WITH_EXPONENT.test(seen)) return EXPONENT;
  return WITH_DECIMALS.test(seen) ? DECIMALS : undefined;
};

const problemOf = (text: string): string | undefined => {
  const spoilt = spoiltProblem(text);
  if (spoilt !== undefined) return spoilt;
  const seen = text.replace(UNSEEN, '');
  if (MINUS.test(seen)) return `${DIGITS_RULE}; it begins with a minus sign`;
  const digits = withoutPunctuation(text);
  const other = /[^0-9]/u.exec(digits)?.[0];
  if (other !== undefined)
    return `${DIGITS_RULE}; it holds the character ${nameOfCharacter(other)}`;
  return STORED.test(digits) ? undefined : DIGITS_RULE;
};

/** A phone number as it is stored, by its digits; or what is wrong with it. */
export const parsePhone = (text: string): { digits: string } | { detail: string } => {
  if (STORED.test(text)) return { digits: text };
  const detail = problemOf(text);
  return detail === undefined ? { digits: withoutPunctuation(text) } : { detail };
};

/** What is wrong with a part of a phone number, to be searched for. */
export const phonePartProblem = (text: string): string | undefined =>
  spoiltProblem(text) ?? (/[0-9]/.test(text) ? undefined : 'must hold a digit of a phone number');

/** The digits of a part of a phone number; undefined where a text is none. */
export const phonePartOf = (text: string): string | undefined => {
  if (phonePartProblem(text) !== undefined) return undefined;
  const digits = withoutPunctuation(text);
  return /^[0-9]+$/.test(digits) ? digits : undefined;
};
