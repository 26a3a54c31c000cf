import { gzipSync } from 'node:zlib';

/** A request that must be refused, and its kind. */
export interface HostileRequest {
  kind: string;
  contentType: string;
  contentEncoding?: string;
  body: Buffer;
}

type Random = () => number;
type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** Numbers in [0, 1), the same for the same seed. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const below = (random: Random, end: number): number => Math.floor(random() * end);
const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)]!;

/** Nested deeper than a body may be, sometimes deep enough to crash a recursive reader. */
const nested = (random: Random): string => {
  const depth = pick(random, [65, 70, 200, 5_000]);
  return random() < 0.5
    ? '['.repeat(depth) + ']'.repeat(depth)
    : '{"and":['.repeat(depth) + ']}'.repeat(depth);
};

/** Texts that are not JSON, or JSON that no body may hold at any position. */
const BAD_TEXTS = [
  '"\\u0000"', '"a\\ud800"', '"\\udc00\\ud800"', '"\0"', '"\n"', '"\\x41"', '"\\u12"', '"open',
  '{"__proto__":{"isAdmin":true}}', '{"\\u005f_proto__":1}', '{"a":1,"a":2}', '{"a":1,"\\u0061":1}',
  '01', '1e', '+1', '.5', '0x10', '1_000', '-', '1.2.3', 'NaN', 'Infinity', '-Infinity', 'undefined',
  'nul', 'True', "'x'", '[1,]', '{"a":1,}', '{,}', '{"a"}', '{a:1}', '[1 2]', '/* c */ 1', '}', ']',
] as const; // prettier-ignore

/** Property names that every JavaScript object inherits. */
const INHERITED = [
  'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf', 'toJSON',
  '__defineGetter__', '__lookupSetter__', 'then', 'length', 'segmnt', '', 'userId\u0020', '$where',
] as const; // prettier-ignore

const OTHERS: readonly Json[] = [
  '', 'x', 0, -1, 1.5, 1e308, -1e21, 2 ** 53, true, false, [], {}, [null], [[]], { length: 1 },
  { toString: 'x' }, ['x', 7], { type: 'all' },
]; // prettier-ignore

const kindOf = (value: Json): string => (Array.isArray(value) ? 'array' : typeof value);

/** Paths of all values below the root. */
const pathsOf = (value: Json, base: string[] = []): string[][] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([name, inner]) => [
        [...base, name],
        ...pathsOf(inner, [...base, name]),
      ]);

const at = (value: Json, path: readonly string[]): Json =>
  path.reduce<Json>((inner, name) => (inner as { [name: string]: Json })[name]!, value);

/** The JSON of a value in which `text` replaces the value at a path. */
const splice = (value: Json, path: readonly string[], text: string): string => {
  const [name, ...rest] = path;
  if (name === undefined) return text;
  const members = Object.entries(value as object).map(([key, inner]) => {
    const json = key === name ? splice(inner as Json, rest, text) : JSON.stringify(inner);
    return Array.isArray(value) ? json : `${JSON.stringify(key)}:${json}`;
  });
  return Array.isArray(value) ? `[${members.join(',')}]` : `{${members.join(',')}}`;
};

const objectsOf = (value: Json): string[][] => [
  [],
  ...pathsOf(value).filter((path) => kindOf(at(value, path)) === 'object'),
];

/** An object's JSON with one more member, before or after its own. */
const withMember = (value: Json, path: readonly string[], member: string): string => {
  const own = JSON.stringify(at(value, path)).slice(1, -1);
  const members = own === '' ? [member] : [own, member];
  return splice(value, path, `{${members.join(',')}}`);
};

const PUNCTUATION = '{}[]",:0129eE+-.\\utrfalsn ';

const noise = (random: Random): string =>
  Array.from({ length: 1 + below(random, 60) }, () =>
    PUNCTUATION.charAt(below(random, PUNCTUATION.length)),
  ).join('');

type Attack = (valid: Json, random: Random) => string | Buffer;

/** Functions that make a valid body invalid. Each works for every body. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  badText: (valid, random) =>
    splice(valid, pick(random, [[], ...pathsOf(valid)]), pick(random, BAD_TEXTS)),
  nesting: (valid, random) => splice(valid, pick(random, [[], ...pathsOf(valid)]), nested(random)),
  duplicate: (valid, random) => {
    const path = pick(random, objectsOf(valid));
    const [name, value] = pick(random, Object.entries(at(valid, path) as object));
    return withMember(valid, path, `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  },
  unknownName: (valid, random) => {
    const path = pick(random, objectsOf(valid));
    const value = JSON.stringify(pick(random, OTHERS));
    return withMember(valid, path, `${JSON.stringify(pick(random, INHERITED))}:${value}`);
  },
  wrongType: (valid, random) => {
    const path = pick(random, pathsOf(valid));
    const kind = kindOf(at(valid, path));
    const others = OTHERS.filter((value) => kindOf(value) !== kind);
    return splice(valid, path, JSON.stringify(pick(random, others)));
  },
  hugeNumber: (valid, random) =>
    splice(valid, pick(random, pathsOf(valid)), pick(random, ['1e400', '9'.repeat(400), '-1e999'])),
  longText: (valid, random) => {
    const texts = pathsOf(valid).filter((path) => typeof at(valid, path) === 'string');
    return splice(valid, pick(random, texts), JSON.stringify('ß'.repeat(1_001)));
  },
  wrongRoot: (_valid, random) =>
    JSON.stringify(pick<Json>(random, ['', 'x', 0, -1, true, [], [[]], [null], [7], null])),
  truncated: (valid, random) => {
    const text = JSON.stringify(valid);
    return text.slice(0, 1 + below(random, text.length - 1));
  },
  // The comma at the end guarantees that the text is not JSON.
  noise: (_valid, random) => `${noise(random)},`,
  randomBytes: (_valid, random) =>
    Buffer.from([0x80, ...Array.from({ length: below(random, 100) }, () => below(random, 256))]),
  notUtf8: (valid, random) => {
    const bytes = Buffer.from(JSON.stringify(valid));
    const index = below(random, bytes.length);
    bytes[index] = bytes[index]! | 0x80;
    return bytes;
  },
};

const OTHER_TYPES = [
  'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/json',
  'application/xml', 'application/jsonx', 'application/merge-patch+json', 'json', 'a/b/c',
]; // prettier-ignore
const ENCODINGS = ['gzip', 'br', 'deflate', 'x-gzip', 'gzip, gzip', 'nonsense'];

/** A variant of a valid request that must be refused. */
export const spoil = (valid: Json, random: Random): HostileRequest => {
  const json = 'application/json';
  const body = Buffer.from(JSON.stringify(valid));
  const names = Object.keys(ATTACKS);
  const choice = below(random, names.length + 2);
  if (choice === names.length) {
    return { kind: 'otherType', contentType: pick(random, OTHER_TYPES), body };
  }
  if (choice > names.length) {
    const contentEncoding = pick(random, ENCODINGS);
    return { kind: 'encoded', contentType: json, contentEncoding, body: gzipSync(body) };
  }
  const kind = names[choice]!;
  return { kind, contentType: json, body: Buffer.from(ATTACKS[kind]!(valid, random)) };
};
