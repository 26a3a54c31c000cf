import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';

/** The tables that db/schema.ts and its parts describe are those that the migrations have made. */

const database = useDatabase();

const text = [
  'db/schema.ts',
  'db/delete-all/delete-all-schema.ts',
  'db/imports/import-schema.ts',
  'db/mails/mail-schema.ts',
  'db/session-schema.ts',
  'db/users/user-list-schema.ts',
  'db/webhooks/webhook-schema.ts',
]
  .map((file) => readFileSync(file, 'utf8').replaceAll(/\/\*\*[^]*?\*\//g, ''))
  .join('\n');

interface Column {
  type: string;
  isNullable: boolean;
}

const columnsOf = (body: string): Record<string, Column> =>
  Object.fromEntries(
    [...body.matchAll(/(\w+): ([^;]+);?/g)].map(([, name = '', type = '']) => [
      name,
      { type, isNullable: /^Nullable<|\| null\b/.test(type) },
    ]),
  );

const described = Object.fromEntries(
  [...text.matchAll(/^ {2}(\w+): \{([^}]*)\};$/gm)].map(([, table = '', body = '']) => [
    table,
    columnsOf(body),
  ]),
);

/** Literals of a type such as `'a' | 'b'`, of types in it, and of a list that it is made from. */
const literalsOf = (type: string): string[] => {
  const name = /^(?:WithDefault|Nullable|Generated)<(\w+)>$/.exec(type)?.[1] ?? type;
  const union = new RegExp(`type ${name} =([^;<]*);`).exec(text)?.[1] ?? '';
  const list = /typeof (\w+)\)\[number\]/.exec(union)?.[1];
  const source = new RegExp(`${list} = \\[([^\\]]*)\\]`).exec(text)?.[1] ?? union;
  const literals = [...source.matchAll(/'(\w+)'/g)].map(([, literal = '']) => literal);
  const others = [...union.matchAll(/(?<!')\b[A-Z]\w+/g)].flatMap(([other]) => literalsOf(other));
  return [...literals, ...others].toSorted();
};

const query = async <Row>(statement: string): Promise<Row[]> =>
  (await database().owner.pool.query(statement)).rows as Row[];

test('each described table has exactly the described columns, and the same columns may be null', async () => {
  // PostgreSQL does not know which columns of a view may be null.
  const rows = await query<{ table: string; column: string; nullable: boolean }>(
    `SELECT table_name AS table, column_name AS column,
            is_nullable = 'YES' AND table_type = 'BASE TABLE' AS nullable
       FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
      WHERE table_schema = 'public'`,
  );
  expect(Object.keys(described).length).toBeGreaterThan(25);
  const found = Object.fromEntries(
    Object.keys(described).map((table) => [
      table,
      Object.fromEntries(
        rows.filter((row) => row.table === table).map((row) => [row.column, row.nullable]),
      ),
    ]),
  );
  const wanted = Object.fromEntries(
    Object.entries(described).map(([table, columns]) => [
      table,
      Object.fromEntries(
        Object.entries(columns).map(([name, { isNullable }]) => [name, isNullable]),
      ),
    ]),
  );
  expect(wanted).toEqual(found);
});

test('a column with listed values accepts exactly the values that its type lists', async () => {
  const checks = await query<{ table: string; rule: string }>(
    `SELECT conrelid::regclass::text AS table, pg_get_constraintdef(oid) AS rule
       FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace`,
  );
  const listed = Object.entries(described).flatMap(([table, columns]) =>
    Object.entries(columns).flatMap(([column, { type }]) => {
      const values = literalsOf(type);
      return values.length === 0 ? [] : [{ table, column, values }];
    }),
  );
  expect(listed.length).toBeGreaterThan(5);
  for (const { table, column, values } of listed) {
    const rule = new RegExp(`^CHECK \\(\\(${column} = ANY \\(ARRAY\\[([^\\]]*)\\]\\)\\)\\)`);
    const taken = checks
      .filter((check) => check.table === table)
      .flatMap((check) => [...(rule.exec(check.rule)?.[1] ?? '').matchAll(/'(\w+)'/g)])
      .map(([, value]) => value);
    expect({ table, column, values: taken.toSorted((a, b) => a!.localeCompare(b!)) }).toEqual({
      table,
      column,
      values,
    });
  }
});
