import { nameOfCharacter } from './characters.ts';

const MIN_DIGITS = 5;
const MAX_DIGITS = 20;

const LENGTH = `${MIN_DIGITS} to ${MAX_DIGITS} digits`;
const DIGITS_RULE = `must be a phone number of ${LENGTH}, with the country code`;

const STORED = new RegExp(`^[0-9]{${MIN_DIGITS},${MAX_DIGITS}}$`);
/** The form of most numbers, which saves the slower checks during an import. */
const PLAIN = /^\+?[0-9 ]+$/;
const NO_DIGITS = /[^0-9]/g;
/** Blanks and invisible characters, such as the marks that address books put around a number. */
const UNSEEN = /[\s\p{Z}\p{Cf}]/gu;
/** Punctuation between digits: brackets, points, slashes, and hyphens or dashes of any kind. */
const PUNCTUATION = /[()./\u2010-\u2015\u2212\uFE63\uFF0D-]/g;
const MINUS = /^[\u2212-]/;
/** A long number as a spreadsheet shows it, with any decimal separator. */
const WITH_EXPONENT = /^[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+$/;
/**
 * A phone number that a program has written as a decimal number. `030.12345` and `555.1234` are
 * phone numbers.
 */
const WITH_DECIMALS = /^[+-]?(?:\d+[.,]0+|[1-9]\d{4,}[.,]\d{1,2}|[1-9]\d{7,}[.,]\d+)$/;

/** The date formats of spreadsheets. */
const DATES = [
  /^\d{4}([-./])(?<one>\d\d?)\1(?<other>\d\d?)$/,
  /^(?<one>\d\d?)([-./])(?<other>\d\d?)\2\d{4}$/,
];
/** A date with a two-digit year. As a part of a number, it can be three pairs of digits. */
const SHORT_DATE = /^(?<one>\d\d?)([-./])(?<other>\d\d?)\2\d\d$/;
const MAX_MONTH = 12;
const MAX_DAY = 31;

/** Country codes of the ITU (E.164). */
const COUNTRY_CODE =
  '1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|' +
  '(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[03578]|9[679])\\d';
const BEHIND_COUNTRY_CODE = new RegExp(`^(?:\\+|00)(${COUNTRY_CODE})$`);
/** Countries whose numbers keep their leading 0 when dialled from abroad, such as Italy. */
const KEEPS_ZERO: ReadonlySet<string> = new Set(['39', '225', '229', '241', '242', '378', '379']);

/**
 * Text between two numbers. A slash can also follow an area code; a line break always separates two
 * numbers.
 */
const BETWEEN = /\s*[/|\\]\s*|\s+[\u2010-\u2015-]\s+|\s*[\r\n]\s*/gu;
/**
 * Fewest digits of a number with an area code, and of a number without a leading plus sign or 0.
 */
const MIN_WHOLE_DIGITS = 5;
const MIN_BARE_DIGITS = 8;

const EXPONENT =
  'was changed to a number with an exponent, such as 1.5E+10, and lost digits; ' +
  'format the column as text in the spreadsheet, then enter the phone number again';
const DECIMALS =
  'was changed to a decimal number, such as 4930123456.0; ' +
  'save the column as text, without the decimal places';
const DATE =
  'is a date; spreadsheets convert some phone numbers to dates; ' +
  'format the column as text, then enter the phone number again';
const TWO = 'has two phone numbers; keep only one';
const TRUNK =
  'has a (0) that does not directly follow the country code, as in +49 (0)30; ' +
  'remove the 0 or the brackets';

/** The stored form of a phone number, its digits; or its problem. */
export const parsePhone = (text: string): { digits: string } | { detail: string } => {
  if (STORED.test(text)) return { digits: text };
  const plain = PLAIN.test(text) ? text.replace(NO_DIGITS, '') : '';
  if (STORED.test(plain)) return { digits: plain };
  const detail = problemOf(text);
  return detail === undefined ? { digits: withoutPunctuation(text) } : { detail };
};

/** The problem of a part of a phone number that is to be searched for. */
export const phonePartProblem = (text: string): string | undefined =>
  spoiltProblem(text) ?? (/[0-9]/.test(text) ? undefined : 'must have a digit of a phone number');

/** The digits of a part of a phone number; undefined if the text is not such a part. */
export const phonePartOf = (text: string): string | undefined => {
  if (phonePartProblem(text) !== undefined) return undefined;
  const digits = withoutPunctuation(text);
  return /^[0-9]+$/.test(digits) ? digits : undefined;
};

const problemOf = (text: string): string | undefined => {
  const spoilt = spoiltProblem(text);
  if (spoilt !== undefined) return spoilt;
  if (holdsTwo(text)) return TWO;
  const seen = text.replace(UNSEEN, '');
  if (isDate(seen, [SHORT_DATE])) return DATE;
  if (withoutTrunkZero(seen) === undefined) return TRUNK;
  if (MINUS.test(seen)) return `${DIGITS_RULE}; this number begins with a minus sign`;
  const digits = withoutPunctuation(text);
  const other = /[^0-9]/u.exec(digits)?.[0];
  if (other !== undefined)
    return `${DIGITS_RULE}; this number has the character ${nameOfCharacter(other)}`;
  return STORED.test(digits) ? undefined : DIGITS_RULE;
};

/** How a spreadsheet or a program has changed a number. */
const spoiltProblem = (text: string): string | undefined => {
  const seen = text.replace(UNSEEN, '');
  if (WITH_EXPONENT.test(seen)) return EXPONENT;
  if (isDate(seen, DATES)) return DATE;
  return WITH_DECIMALS.test(seen) ? DECIMALS : undefined;
};

const isDate = (seen: string, forms: readonly RegExp[]): boolean =>
  forms.some((form) => {
    const { one, other } = form.exec(seen)?.groups ?? {};
    const [low = 0, high = 0] = [Number(one), Number(other)].toSorted((a, b) => a - b);
    return low > 0 && low <= MAX_MONTH && high <= MAX_DAY;
  });

/** Whether a text holds two numbers, one after the other. */
const holdsTwo = (text: string): boolean => {
  const whole = text.trim();
  return [...whole.matchAll(BETWEEN)].some(({ 0: between, index }) => {
    const after = whole.slice(index + between.length);
    const counts = [countDigits(whole.slice(0, index)), countDigits(after)];
    const isWhole = /^\(?[+0]/.test(after) || /[\r\n]/.test(between);
    return Math.min(...counts) >= (isWhole ? MIN_WHOLE_DIGITS : MIN_BARE_DIGITS);
  });
};

const countDigits = (text: string): number => text.replace(NO_DIGITS, '').length;

/**
 * A text without a 0 in brackets that is dialled only without the country code: `+49 (0)30`, `+49
 * (030)`. Undefined if such a 0 stands elsewhere, except at the start, because its meaning is
 * ambiguous.
 */
const withoutTrunkZero = (seen: string): string | undefined => {
  const at = seen.lastIndexOf('(0');
  if (at <= 0) return seen;
  const code = BEHIND_COUNTRY_CODE.exec(seen.slice(0, at).replace(PUNCTUATION, ''))?.[1];
  if (code === undefined) return undefined;
  return KEEPS_ZERO.has(code) ? seen : seen.slice(0, at + 1) + seen.slice(at + 2);
};

/** A text without blanks, brackets and hyphens: only digits, if the text is a phone number. */
const withoutPunctuation = (text: string): string => {
  const seen = text.replace(UNSEEN, '');
  return (withoutTrunkZero(seen) ?? seen).replace(PUNCTUATION, '').replace(/^\+/, '');
};
