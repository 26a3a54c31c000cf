import { invisibleProblem } from './characters.ts';
import { dateTimeOf } from './date-times.ts';
import { numberProblem } from './numbers.ts';
import { parsePhone } from './phones.ts';
import type { PropertyType } from './property-types.ts';
import { webAddressProblem } from './web-addresses.ts';

/** Longest text of a property or a list item, in characters. */
export const MAX_TEXT_LENGTH = 255;
export const MAX_LIST_ITEMS = 100;

/** A stored value. Dates, times and datetimes have their canonical form, which sorts as text. */
export type Value = string | number | boolean | string[];

/** A value in its stored form, or its problem. An empty text or list is an unknown value: null. */
export type Parsed<T = Value> = { value: T | null } | { detail: string };

const MAIL = /^[^\s@<>(),;:"\\[\]]+@[^\s@<>(),;:"\\[\].]+(?:\.[^\s@<>(),;:"\\[\].]+)*$/u;

/** Whether PostgreSQL can store a text: it holds no NUL and no unpaired surrogate. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** Counts characters as PostgreSQL does: code points, each of one or two UTF-16 units. */
export const isLongerThan = (text: string, max: number): boolean =>
  text.length > max && (text.length > 2 * max || Array.from(text).length > max);

const textProblem = (text: string): string | undefined => {
  if (!isStorable(text))
    return 'has a character that is not allowed (NUL, or half of a surrogate pair)';
  if (isLongerThan(text, MAX_TEXT_LENGTH)) return `must have at most ${MAX_TEXT_LENGTH} characters`;
  return undefined;
};

const parseText =
  (read: (text: string) => Parsed<string>) =>
  (input: unknown): Parsed<string> => {
    if (typeof input !== 'string') return { detail: 'must be a string' };
    if (input === '') return { value: null };
    const detail = textProblem(input);
    return detail === undefined ? read(input) : { detail };
  };

/** A parser for texts that are stored unchanged. */
const parseAsIs = (problemOf: (text: string) => string | undefined) =>
  parseText((text) => {
    const detail = problemOf(text);
    return detail === undefined ? { value: text } : { detail };
  });

const mailProblem = (text: string): string | undefined =>
  invisibleProblem(text) ??
  (MAIL.test(text) ? undefined : 'must be an email address: name@example.com');

const readPhone = (text: string): Parsed<string> => {
  const parsed = parsePhone(text);
  return 'digits' in parsed ? { value: parsed.digits } : parsed;
};

const parseDateTime =
  (kind: 'date' | 'time' | 'datetime', form: string) =>
  (input: unknown): Parsed<string> => {
    if (typeof input !== 'string') return { detail: `must be a string of the form ${form}` };
    if (input === '') return { value: null };
    const value = dateTimeOf(input, kind);
    return value === undefined
      ? { detail: `must be an existing time of the form ${form}` }
      : { value };
  };

const parseNumber = (input: unknown): Parsed<number> => {
  const detail = numberProblem(input);
  return detail === undefined ? { value: input as number } : { detail };
};

const parseBoolean = (input: unknown): Parsed<boolean> =>
  typeof input === 'boolean' ? { value: input } : { detail: 'must be true or false' };

const itemProblem = (item: string): string | undefined => {
  if (item === '') return 'must not have an empty item';
  if (item.includes(';')) return 'must not have a ";" in an item';
  const detail = textProblem(item);
  return detail && `has an item that ${detail}`;
};

/** A list item as it is stored and compared: without blanks around it. */
export const itemOf = (text: string): string => text.trim();

const parseList = (input: unknown): Parsed<string[]> => {
  if (!Array.isArray(input) || input.some((item) => typeof item !== 'string')) {
    return { detail: 'must be a list of strings' };
  }
  if (input.length > MAX_LIST_ITEMS) {
    return { detail: `must have at most ${MAX_LIST_ITEMS} items` };
  }
  const items = (input as string[]).map(itemOf);
  const detail = items.map(itemProblem).find((problem) => problem !== undefined);
  if (detail !== undefined) return { detail };
  return { value: items.length === 0 ? null : items };
};

const PARSERS: Record<PropertyType, (input: unknown) => Parsed> = {
  string: parseAsIs(() => undefined),
  email: parseAsIs(mailProblem),
  phone: parseText(readPhone),
  url: parseAsIs(webAddressProblem),
  number: parseNumber,
  boolean: parseBoolean,
  date: parseDateTime('date', 'YYYY-MM-DD'),
  time: parseDateTime('time', 'HH:MM or HH:MM:SS'),
  datetime: parseDateTime(
    'datetime',
    'YYYY-MM-DDTHH:MM:SSZ, with an offset and at most 6 digits of a second',
  ),
  list: parseList,
};

/** Converts a value of a user or a filter to its stored form. */
export const parseValue = (type: PropertyType, input: unknown): Parsed => PARSERS[type](input);
