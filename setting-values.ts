import { isIP, isIPv4 } from 'node:net';
import { z } from 'zod';
import { parseValue } from './selection/values.ts';

/**
 * Parsers for each kind of setting. A message says what the setting must be. It never quotes the
 * text, which may be a secret.
 */

/** The result of `read` for an invalid text. */
const WRONG = Symbol('wrong');

const setting = <Value>(must: string, read: (text: string) => Value | typeof WRONG) =>
  z.string({ error: `is not set: it must be ${must}` }).transform((text, context): Value => {
    const value = read(text);
    if (value !== WRONG) return value;
    context.issues.push({ code: 'custom', message: `must be ${must}`, input: text });
    return z.NEVER;
  });

/** A text that satisfies a rule, without surrounding blanks. */
const textThat = (must: string, isRight: (text: string) => boolean) =>
  setting(must, (text) => (isRight(text.trim()) ? text.trim() : WRONG));

/** A list of texts separated by commas. Each satisfies a rule; surrounding blanks are removed. */
const listOf = (must: string, isRight: (text: string) => boolean) =>
  setting(must, (given) => {
    const all = given
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean);
    return all.every(isRight) ? all : WRONG;
  });

/** Any text except blanks, unchanged. */
export const text = (must: string) => setting(must, (given) => (given.trim() ? given : WRONG));

/** Checks only the characters. The system resolves the name. */
export const host = textThat('an address or name of this machine, such as 127.0.0.1', (given) =>
  /^[\w.:%-]+$/.test(given),
);

const readWhole = (given: string, min: number, max: number): number | typeof WRONG => {
  const number = /^\d{1,15}$/.test(given.trim()) ? Number(given) : NaN;
  return number >= min && number <= max ? number : WRONG;
};

export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  setting(
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number, ${min} or more`
      : `a whole number from ${min} to ${max}`,
    (given) => readWhole(given, min, max),
  );

export const port = wholeNumber(0, 65_535);

export const percent = setting('a number from 1 to 100, such as 90', (given) => {
  const number = /^\d{1,3}(?:\.\d+)?$/.test(given.trim()) ? Number(given) : NaN;
  return number >= 1 && number <= 100 ? number : WRONG;
});

export const oneOf = <const Word extends string>(...words: Word[]) =>
  setting(
    words.length === 2 ? words.join(' or ') : `one of ${words.join(', ')}`,
    (given) => words.find((word) => word === given) ?? WRONG,
  );

export const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^([1-9]\d{0,5})([smhd])$/;
/** Temporal keeps closed histories for 30 days. No duration needs to be longer. */
const MAX_DURATION_MS = 30 * UNIT_MS.d;
const MAX_DURATIONS = 5;

const readDuration = (given: string): number | typeof WRONG => {
  const [, count = '', unit = 's'] = DURATION.exec(given) ?? [];
  const ms = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return ms > 0 && ms <= MAX_DURATION_MS ? ms : WRONG;
};

/** A duration, in milliseconds. */
export const duration = setting(
  'a whole number of s, m, h or d, 30d at most, such as 3d',
  readDuration,
);

/** A list of durations, in milliseconds. */
export const durations = setting(
  `none, or up to ${MAX_DURATIONS} durations of 30d at most, such as 24h,2h`,
  (given): number[] | typeof WRONG => {
    if (given === 'none') return [];
    const read = given.split(',').map(readDuration);
    const right = read.filter((ms) => ms !== WRONG);
    return right.length === read.length && right.length <= MAX_DURATIONS ? right : WRONG;
  },
);

/** The shortest accepted secret for signing links, in characters. */
const MIN_SECRET_LENGTH = 32;

export const secret = setting(`a string of at least ${MIN_SECRET_LENGTH} characters`, (given) =>
  given.length >= MIN_SECRET_LENGTH ? given : WRONG,
);

/** A base URL: paths are appended to it. */
export const webAddress = textThat(
  'an address such as https://keepsake.example.com, without "?" and "#"',
  (given) => /^https?:\/\/[^\s?#]+$/i.test(given) && URL.canParse(given),
);

export const databaseUrl = textThat(
  'of the form postgres://user:password@host:port/database',
  (given) => /^postgres(?:ql)?:\/\/\S+$/i.test(given) && URL.canParse(given),
);

/** A name before an address: in quotes, or without characters that are special in a header. */
const NAMED = /^(?:"(?:[^"\\\p{C}]|\\[^\p{C}])*"|[^"<>()[\],;:@\\\p{C}]+)\s*<([^<>]*)>$/u;

const isMailAddress = (given: string): boolean =>
  given !== '' && 'value' in parseValue('email', given);

export const mailSender = textThat(
  'an email address, or a name and an email address: Keepsake <keepsake@example.com> ' +
    '(a name with one of , ; : @ in double quotes)',
  (given) => isMailAddress(NAMED.exec(given)?.[1] ?? given),
);

/** Names of networks. */
const NAMED_NETWORKS = new Set(['loopback', 'linklocal', 'uniquelocal']);

const isNetwork = (given: string): boolean => {
  const [address = '', size, ...rest] = given.split('/');
  const version = isIP(address);
  if (size === undefined) return version !== 0 || NAMED_NETWORKS.has(address);
  if (version === 0 || rest.length > 0) return false;
  const isMask = version === 4 && isIPv4(size);
  return isMask || readWhole(size, 1, version === 4 ? 32 : 128) !== WRONG;
};

const PREFIX = /^[A-Z][A-Z0-9]{1,9}$/;

export const ticketPrefixes = listOf(
  'comma-separated prefixes of tickets, such as OPS,HELP',
  (one) => PREFIX.test(one),
);

export const networks = listOf(
  'comma-separated addresses or networks, such as 10.0.0.0/8, ::1',
  isNetwork,
);
