import { text } from 'node:stream/consumers';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { copyText } from '../../../db/copy/copy-text.ts';
import { isTextCell, userCsv } from '../../../db/users/user-csv.ts';
import { findField, type PropertyTypes } from '../../../selection/fields.ts';
import { createCsvGuard, unguarded } from '../../../selection/formula-guard.ts';
import { PROPERTY_TYPES } from '../../../selection/property-types.ts';
import { useDatabase } from '../../support/database/database.ts';
import { FORMULA, piecesOf } from '../../support/http/guarded.ts';

const database = useDatabase();

const TYPES: PropertyTypes = new Map(PROPERTY_TYPES.map((type) => [type, type]));
const TEXT_COLUMNS = ['firstName', 'properties.string', 'properties.email'];
const LIST_COLUMNS = ['tags', 'properties.list'];
const OTHER_COLUMNS = ['dob', 'emailOptin', 'properties.number', 'properties.boolean'];
const COLUMNS = [...TEXT_COLUMNS, ...LIST_COLUMNS, ...OTHER_COLUMNS];
const FIELDS = COLUMNS.map((name) => findField(name, TYPES)!);

interface User {
  text: string;
  list: string[];
  number: string;
  flag: boolean;
}

const FRAGMENTS = fc.constantFrom(
  ...Array.from('=+-@\t\r\n\'"0é😀＝'),
  '',
  "''",
  "'=",
  ',=',
  '\t@',
  '|-',
  '\n+',
  ',"=',
  ",'=",
);

const textArbitrary = fc
  .tuple(FRAGMENTS, fc.string({ unit: 'binary', maxLength: 6 }), FRAGMENTS, FRAGMENTS)
  .map((pair) => pair.join('').replaceAll('\0', ' '))
  .filter((joined) => joined !== '' && joined.isWellFormed());

const user: fc.Arbitrary<User> = fc.record({
  text: textArbitrary,
  list: fc.array(
    textArbitrary.map((item) => item.replaceAll(';', ',')),
    { minLength: 1, maxLength: 6 },
  ),
  number: fc.constantFrom('-1', '0', '1.50', '-0.000001', '12345678901234567890.123'),
  flag: fc.boolean(),
});

/** JSON text, because a JavaScript number would lose digits. */
const rowOf = ({ text: value, list, number, flag }: User): string => {
  const [string, items] = [JSON.stringify(value), JSON.stringify(list)];
  return `{"first_name": ${string}, "tags": ${items}, "dob": "2020-02-29", "email_optin": ${flag},
    "properties": {"string": ${string}, "email": ${string}, "list": ${items}, "number": ${number},
                   "boolean": ${flag}}}`;
};

const queryOf = (users: readonly User[], fields = FIELDS) => {
  const json = `[${users.map(rowOf).join(',')}]`;
  const source = sql`FROM jsonb_populate_recordset(NULL::users, ${json}::jsonb) AS users`;
  return userCsv(fields, source);
};

/** The cells of a file that COPY writes, with or without the guard for spreadsheets. */
const cellsOf = async (users: readonly User[], isGuarded: boolean) => {
  const guard = createCsvGuard((column) => isGuarded && isTextCell(FIELDS[column]!));
  const ways = { startRow: guard.startRow, compress: guard.guard };
  const csv = await text(await copyText(database().app.pool, queryOf(users), ways));
  const records: string[][] = parse(csv, { from: 2, record_delimiter: '\n' });
  return records.map((cells) =>
    Object.fromEntries(COLUMNS.map((name, index) => [name, cells[index] ?? ''])),
  );
};

const expectedOf = ({ text: value, list }: User): Record<string, string> => ({
  ...Object.fromEntries(TEXT_COLUMNS.map((name) => [name, value])),
  ...Object.fromEntries(LIST_COLUMNS.map((name) => [name, list.join(';')])),
});

test('every text and list is written exactly, and its form for spreadsheets can be reversed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(user, { minLength: 20, maxLength: 60 }), async (users) => {
      const plain = await cellsOf(users, false);
      const safe = await cellsOf(users, true);
      for (const [index, one] of users.entries()) {
        const expected = expectedOf(one);
        expect(plain[index]).toMatchObject(expected);
        for (const [name, value] of Object.entries(expected)) {
          const cell = safe[index]?.[name] ?? '';
          expect(piecesOf(cell).filter((piece) => FORMULA.test(piece))).toEqual([]);
          expect(unguarded(cell)).toBe(value);
        }
        for (const name of OTHER_COLUMNS) expect(safe[index]?.[name]).toEqual(plain[index]?.[name]);
      }
    }),
    { numRuns: 20 },
  );
});

test.each(COLUMNS.map((name, index) => [name, FIELDS[index]!] as const))(
  'a file of only %s has a line for each user, even if the value is unknown',
  async (_name, field) => {
    const source = sql`FROM jsonb_populate_recordset(NULL::users,
      '[{"properties": {}}, {"properties": {"number": null, "list": null}}]'::jsonb) AS users`;
    const csv = await text(await copyText(database().app.pool, userCsv([field], source)));
    expect(csv).toBe('c0\n""\n""\n');
  },
);

test('a file of many chunks is guarded in each chunk', async () => {
  const rows = 40_000;
  const field = findField('firstName', TYPES)!;
  const source = sql`FROM (SELECT repeat('=', n % 2) || n || ';' || repeat('-', n % 3) || E'\n"+' ||
      repeat('é', n % 90) || ',＝' AS first_name FROM generate_series(1, ${rows}::int) n) AS users`;
  const { startRow, guard } = createCsvGuard(() => true);
  const ways = { startRow, compress: guard };
  const query = userCsv([field, field], source);
  const csv = await text(await copyText(database().app.pool, query, ways));
  const plain = await text(await copyText(database().app.pool, query));
  expect(plain.length).toBeGreaterThan(3 * 1024 * 1024);
  expect(piecesOf(csv).filter((piece) => FORMULA.test(piece))).toEqual([]);
  const records: string[][] = parse(csv, { from: 2, record_delimiter: '\n' });
  expect(records).toHaveLength(rows);
  const expected: string[][] = parse(plain, { from: 2, record_delimiter: '\n' });
  expect(records.map((cells) => cells.map(unguarded))).toEqual(expected);
});
