import { momentOf } from './moments.ts';
import type { PropertyType } from './property-types.ts';

/** Longest text of a property or an item of a list, in characters. */
export const MAX_TEXT_LENGTH = 255;
export const MAX_LIST_ITEMS = 100;
/** As many as a double holds without loss. */
const MAX_DIGITS = 15;

/** A value as it is stored: dates, times and moments in the one spelling that sorts as text. */
export type Value = string | number | boolean | string[];

/** A value in stored form, or what is wrong with it. An empty text or list is an unknown value: null. */
export type Parsed<T = Value> = { value: T | null } | { detail: string };

const MAIL = /^[^\s@<>(),;:"\\[\]]+@[^\s@<>(),;:"\\[\].]+(?:\.[^\s@<>(),;:"\\[\].]+)*$/u;
const PHONE = /^[0-9]{5,20}$/;
const WEB_PROTOCOLS = ['http:', 'https:'];

/** NUL, or half of a surrogate pair: PostgreSQL cannot store them. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** Counts characters as PostgreSQL does: code points, each of one or two UTF-16 units. */
export const isLongerThan = (text: string, max: number): boolean =>
  text.length > max && (text.length > 2 * max || Array.from(text).length > max);

const textProblem = (text: string): string | undefined => {
  if (!isStorable(text)) return 'holds a character that cannot be stored (NUL, or half a pair)';
  if (isLongerThan(text, MAX_TEXT_LENGTH)) return `is longer than ${MAX_TEXT_LENGTH} characters`;
  return undefined;
};

const parseText =
  (check: (text: string) => string | undefined) =>
  (input: unknown): Parsed<string> => {
    if (typeof input !== 'string') return { detail: 'must be a text' };
    if (input === '') return { value: null };
    const detail = textProblem(input);
    if (detail !== undefined) return { detail };
    const stored = check(input);
    return stored === undefined ? { value: input } : { detail: stored };
  };

const parseMoment =
  (kind: 'date' | 'time' | 'datetime', form: string) =>
  (input: unknown): Parsed<string> => {
    if (typeof input !== 'string') return { detail: `must be a text of the form ${form}` };
    if (input === '') return { value: null };
    const value = momentOf(input, kind);
    return value === undefined ? { detail: `must be of the form ${form}, and exist` } : { value };
  };

/** By trying, for `URL.canParse` of Node 20 refuses `https://é.com` once it was called some thousand times. */
const protocolOf = (text: string): string | undefined => {
  try {
    return new URL(text).protocol;
  } catch {
    return undefined;
  }
};

const isWebAddress = (text: string): boolean =>
  !/\s/u.test(text) && WEB_PROTOCOLS.includes(protocolOf(text) ?? '');

/**
 * At least as many digits as a number has written without an exponent, and exactly so many where that
 * matters; a zero that stands alone before the point is none.
 */
const digitsOf = (value: number): number => {
  const text = String(Math.abs(value));
  // Most numbers are short and plain, and need no closer look.
  if (text.length <= MAX_DIGITS && !text.includes('e')) return text.length;
  const [mantissa = '', exponent = '0'] = text.split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  const wholeDigits = whole === '0' ? 0 : whole.length;
  return Math.max(wholeDigits + shift, 0) + Math.max(fraction.length - shift, 0);
};

/** What is wrong with a number: too long to be kept, shown and compared as it was given. */
export const numberProblem = (value: unknown): string | undefined =>
  typeof value === 'number' && Number.isFinite(value) && digitsOf(value) <= MAX_DIGITS
    ? undefined
    : `must be a number of at most ${MAX_DIGITS} digits when written without an exponent`;

const parseNumber = (input: unknown): Parsed<number> => {
  const detail = numberProblem(input);
  return detail === undefined ? { value: input as number } : { detail };
};

const parseBoolean = (input: unknown): Parsed<boolean> =>
  typeof input === 'boolean' ? { value: input } : { detail: 'must be true or false' };

const itemProblem = (item: unknown): string | undefined => {
  if (typeof item !== 'string') return 'must be a list of texts';
  if (item === '') return 'must not hold an empty text';
  if (item.includes(';')) return 'must not hold a ";" in an item';
  const detail = textProblem(item);
  return detail && `has an item that ${detail}`;
};

const parseList = (input: unknown): Parsed<string[]> => {
  if (!Array.isArray(input)) return { detail: 'must be a list of texts' };
  if (input.length > MAX_LIST_ITEMS) {
    return { detail: `must hold at most ${MAX_LIST_ITEMS} items` };
  }
  const detail = input.map(itemProblem).find((problem) => problem !== undefined);
  if (detail !== undefined) return { detail };
  return { value: input.length === 0 ? null : (input as string[]) };
};

const unless = (isFine: (text: string) => boolean, detail: string) => (text: string) =>
  isFine(text) ? undefined : detail;

const PARSERS: Record<PropertyType, (input: unknown) => Parsed> = {
  string: parseText(() => undefined),
  email: parseText(unless((text) => MAIL.test(text), 'must be a mail address: name@example.com')),
  phone: parseText(
    unless((text) => PHONE.test(text), 'must be 5 to 20 digits, with the country code'),
  ),
  url: parseText(unless(isWebAddress, 'must be an address that begins with http:// or https://')),
  number: parseNumber,
  boolean: parseBoolean,
  date: parseMoment('date', 'YYYY-MM-DD'),
  time: parseMoment('time', 'HH:MM or HH:MM:SS'),
  datetime: parseMoment(
    'datetime',
    'YYYY-MM-DDTHH:MM:SSZ, with an offset and at most 6 digits of a second',
  ),
  list: parseList,
};

/** Brings a value of a user or a filter into its stored form. */
export const parseValue = (type: PropertyType, input: unknown): Parsed => PARSERS[type](input);
