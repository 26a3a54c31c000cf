import * as fc from 'fast-check';
import { type RawBuilder, sql } from 'kysely';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { setCopyValues } from '../../../db/copy/copy-values.ts';
import { toBoundStatement, toCopyStatements } from '../../../selection/statements.ts';
import { queryByCopyValues } from '../../support/database/copy-values.ts';
import { useDatabase } from '../../support/database/database.ts';

const database = useDatabase();

/** The query's one value: once with a bound parameter, once read from a setting. */
const both = async (query: RawBuilder<unknown>): Promise<unknown[]> => {
  const { pool } = database().app;
  const bound = await pool.query<{ v: unknown }>(toBoundStatement(query));
  const client = await pool.connect();
  try {
    const [read] = await queryByCopyValues<{ v: unknown }>(client, query);
    return [bound.rows[0]?.v, read?.v];
  } finally {
    client.release();
  }
};

const HOSTILE = [
  '', "'", "''", "\\'", '\\', '\\\\', "E'\\n'", '$1', '$$', '$tag$', '?', ':name', '%s', '"', 'a"b',
  'line\nbreak', '\r', '\t', '\u0001', '--', "'; DROP TABLE users; --", '/* */', 'é', '\u202E',
  '😀', '\uFFFF', '{a,"b"}', 'NULL', "U&'\\0041'", "\\'; SELECT 1; --",
]; // prettier-ignore

test.each(HOSTILE)('%j is read from its setting unchanged', async (text) => {
  expect(await both(sql`SELECT ${text}::text AS v`)).toEqual([text, text]);
});

test('a list of hostile texts is read from its setting unchanged', async () => {
  expect(await both(sql`SELECT ${HOSTILE}::text[] AS v`)).toEqual([HOSTILE, HOSTILE]);
});

test('any text and any list is read from its setting unchanged', async () => {
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
])(
  'numbers, booleans, null and timestamps mean the same when bound or read from a setting (%#)',
  async (query, wanted) => {
    expect(await both(query)).toEqual([wanted, wanted]);
  },
);

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
])('a value without a safe text is refused (%#)', (value) => {
  expect(() => toCopyStatements([sql`SELECT ${value}::text`])).toThrow(
    /sent to PostgreSQL|Invalid time/,
  );
});

test('a statement contains no value, and a value without a cast is refused', () => {
  const { texts, values } = toCopyStatements([
    sql`SELECT ${'canary'}::text, ${['canary']}::text[]`,
    sql`SELECT ${'canary'}::text, ${7}::int, ${sql.lit('an id')}`,
  ]);
  expect(texts.join()).not.toContain('canary');
  expect(texts[1]).toContain("'an id'");
  expect(values).toEqual(['"canary"', String.raw`"{\"canary\"}"`, '"7"']);
  for (const untyped of [sql`SELECT ${'canary'}`, sql`SELECT ${'canary'} :: text`]) {
    expect(() => toCopyStatements([untyped])).toThrow('needs a cast');
  }
  expect(() => toCopyStatements([sql`SELECT * FROM unnest(${sql.join(['canary'])})`])).toThrow(
    'needs a cast',
  );
});

test('a value is read once, not for each row', async () => {
  const { texts, values } = toCopyStatements([
    sql`SELECT count(*) AS n FROM generate_series(1, 10) AS i WHERE i::text <> ${'1'}::text`,
  ]);
  const client = await database().app.pool.connect();
  await client.query('BEGIN');
  await setCopyValues(client, values);
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ${texts[0]}`,
  );
  await client.query('ROLLBACK');
  client.release();
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toMatch(/InitPlan[^\n]*\n *-> +Result \(actual rows=1\S* loops=1\)/);
});

test('values end with their transaction; without values a statement fails and selects no user', async () => {
  const query = sql`SELECT FROM (VALUES ('x')) AS users (id) WHERE id <> ${'someone'}::text`;
  const [text = ''] = toCopyStatements([query]).texts;
  const client = new Client({ connectionString: database().url });
  await client.connect();
  try {
    await expect(client.query(text)).rejects.toThrow('keepsake.p1');
    await queryByCopyValues(client, query);
    const { rows } = await client.query<{ left: string }>(
      "SELECT current_setting('keepsake.p1', true) AS left",
    );
    expect(rows[0]?.left ?? '').toBe('');
    await expect(client.query(text)).rejects.toThrow('json');
  } finally {
    await client.end();
  }
});
