import * as fc from 'fast-check';
import { type RawBuilder, sql } from 'kysely';
import { expect, test } from 'vitest';
import { toSqlText } from '../../selection/literals.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();

/** The query's one value, once with a bound parameter, once with a literal. */
const both = async (query: RawBuilder<unknown>): Promise<unknown[]> => {
  const bound = await (query as RawBuilder<{ v: unknown }>).execute(database().app.db);
  const literal = await database().app.pool.query<{ v: unknown }>(toSqlText(query));
  return [bound.rows[0]?.v, literal.rows[0]?.v];
};

const HOSTILE = [
  '', "'", "''", "\\'", '\\', '\\\\', "E'\\n'", '$1', '$$', '$tag$', '?', ':name', '%s', '"', 'a"b',
  'line\nbreak', '\r', '\t', '\u0001', '--', "'; DROP TABLE users; --", '/* */', 'é', '\u202E',
  '😀', '\uFFFF', '{a,"b"}', 'NULL', "U&'\\0041'", "\\'; SELECT 1; --",
]; // prettier-ignore

test.each(HOSTILE)('%j comes out of its literal as it went in', async (text) => {
  expect(await both(sql`SELECT ${text}::text AS v`)).toEqual([text, text]);
});

test('a list of hostile texts comes out of its literal as it went in', async () => {
  expect(await both(sql`SELECT ${HOSTILE}::text[] AS v`)).toEqual([HOSTILE, HOSTILE]);
});

test('any text and any list does, whatever it holds', async () => {
  const text = fc
    .string({ unit: 'binary', maxLength: 30 })
    .filter((value) => value.isWellFormed() && !value.includes('\0'));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 5 }), async (texts) => {
      expect(await both(sql`SELECT ${texts}::text[] AS v`)).toEqual([texts, texts]);
      const joined = texts.join('');
      expect(await both(sql`SELECT ${joined}::text AS v`)).toEqual([joined, joined]);
    }),
    { numRuns: 200 },
  );
});

test.each([
  [sql`SELECT (5 - ${-3}::int) AS v`, 8],
  [sql`SELECT -${-3}::int AS v`, 3],
  [sql`SELECT ${1e21}::numeric::text AS v`, '1000000000000000000000'],
  [sql`SELECT ${true}::boolean AS v`, true],
  [sql`SELECT ${null}::text AS v`, null],
  [sql`SELECT ${12345678901234567890n}::numeric::text AS v`, '12345678901234567890'],
  [
    sql`SELECT ${new Date('2024-07-01T00:00:00.123Z')}::timestamptz::text AS v`,
    '2024-07-01 00:00:00.123+00',
  ],
])('numbers, booleans, null and moments mean the same either way (%#)', async (query, wanted) => {
  expect(await both(query)).toEqual([wanted, wanted]);
});

test.each([
  ['a\0b'],
  ['\uD800'],
  ['a\uDC00b'],
  [['fine', '\0']],
  [[1]],
  [[['nested']]],
  [[null]],
  [Number.NaN],
  [Number.NEGATIVE_INFINITY],
  [undefined],
  [{ an: 'object' }],
  [Symbol('s')],
  [new Date(Number.NaN)],
  [new Date('+010000-01-01T00:00:00Z')],
  [new Date('-000001-01-01T00:00:00Z')],
])('what has no safe literal is refused, not guessed (%#)', (value) => {
  expect(() => toSqlText(sql`SELECT ${value}`)).toThrow(
    /cannot be written in SQL|written in SQL|Invalid time/,
  );
});
