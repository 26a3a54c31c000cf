import * as fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { userCsv } from '../../db/user-csv.ts';
import { findField, type PropertyTypes } from '../../selection/fields.ts';
import { PROPERTY_TYPES } from '../../selection/property-types.ts';
import { useDatabase } from '../support/database.ts';

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

const RISKY = /^[=+\-@\t\r']/;

/** Takes off what an importer takes off: one leading mark, where it keeps a text from being a formula. */
const unescaped = (cell: string): string =>
  cell.startsWith("'") && RISKY.test(cell.slice(1)) ? cell.slice(1) : cell;

const text = fc
  .tuple(
    fc.constantFrom('', '=', '+', '-', '@', '\t', '\r', "'", "''", "'=", '\n', '"', '0', 'é', '😀'),
    fc.string({ unit: 'binary', maxLength: 12 }),
  )
  .map((pair) => pair.join('').replaceAll('\0', ' '))
  .filter((joined) => joined !== '' && joined.isWellFormed());

const user: fc.Arbitrary<User> = fc.record({
  text,
  list: fc.array(
    text.map((item) => item.replaceAll(';', ',')),
    { minLength: 1, maxLength: 6 },
  ),
  number: fc.constantFrom('-1', '0', '1.50', '-0.000001', '12345678901234567890.123'),
  flag: fc.boolean(),
});

/** JSON text, for a number of many digits must not become one of JavaScript's. */
const rowOf = ({ text: value, list, number, flag }: User): string => {
  const [string, items] = [JSON.stringify(value), JSON.stringify(list)];
  return `{"first_name": ${string}, "tags": ${items}, "dob": "2020-02-29", "email_optin": ${flag},
    "properties": {"string": ${string}, "email": ${string}, "list": ${items}, "number": ${number},
                   "boolean": ${flag}}}`;
};

const cellsOf = async (users: readonly User[], spreadsheetSafe: boolean) => {
  const json = `[${users.map(rowOf).join(',')}]`;
  const source = sql`FROM jsonb_populate_recordset(NULL::users, ${json}::jsonb) AS users`;
  const query = userCsv(FIELDS, spreadsheetSafe, source);
  const { rows } = await sql<Record<string, unknown>>`${query}`.execute(database().app.db);
  return rows.map((row) =>
    Object.fromEntries(COLUMNS.map((name, index) => [name, row[`c${index}`] as string])),
  );
};

const expectedOf = ({ text: value, list }: User): Record<string, string> => ({
  ...Object.fromEntries(TEXT_COLUMNS.map((name) => [name, value])),
  ...Object.fromEntries(LIST_COLUMNS.map((name) => [name, list.join(';')])),
});

test('every text and list comes out as it is, and for a spreadsheet so that it can be taken back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(user, { minLength: 20, maxLength: 60 }), async (users) => {
      const plain = await cellsOf(users, false);
      const safe = await cellsOf(users, true);
      for (const [index, one] of users.entries()) {
        const expected = expectedOf(one);
        expect(plain[index]).toMatchObject(expected);
        for (const [name, value] of Object.entries(expected)) {
          const cell = safe[index]?.[name] ?? '';
          expect(cell).toBe(RISKY.test(value) ? `'${value}` : value);
          expect(unescaped(cell)).toBe(value);
        }
        for (const name of OTHER_COLUMNS) expect(safe[index]?.[name]).toEqual(plain[index]?.[name]);
      }
    }),
    { numRuns: 20 },
  );
});
