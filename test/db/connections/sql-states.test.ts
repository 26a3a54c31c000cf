import { DatabaseError } from 'pg';
import { expect, test } from 'vitest';
import { isOfARow } from '../../../db/connections/sql-states.ts';
import { useDatabase } from '../../support/database/database.ts';

const database = useDatabase();

const CODES = `08006 0A000 0B000 21000 22001 22P02 23502 23505 23P01 25006 25P02 26000 27000
  28P01 2B000 2D000 34000 38000 39000 3B001 3D000 3F000 40001 40P01 42501 42703
  42P01 44000 53100 54000 57014 57P01 58030 F0000 HV000 P0001 XX000 XX001`.split(/\s+/);

const errorOf = (code: string, where: string, routine?: string): DatabaseError =>
  Object.assign(new DatabaseError('', 0, 'error'), { code, severity: 'ERROR', routine, where });

test.each([
  [undefined, 'PL/pgSQL function f() line 3 at SQL statement'],
  ['exec_stmt_raise', 'PL/pgSQL function f() line 3 at RAISE'],
])('database and code agree on which errors are caused by a row (%s)', async (routine, context) => {
  const { rows } = await database().owner.pool.query<{ code: string; of: boolean }>(
    `SELECT code, is_error_of_a_row(code, $2) AS of FROM unnest($1::text[]) AS code`,
    [CODES, context],
  );
  const wanted = CODES.map((code) => ({ code, of: isOfARow(errorOf(code, context, routine)) }));
  expect(rows).toEqual(wanted);
});
