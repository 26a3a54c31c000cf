import { afterEach, expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { reasonsOf, seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, restoreUsers } from '../../support/steps/restore.ts';

/** A column's type became less precise since the backup: PostgreSQL rounds without an error. */

const database = useDatabase();
const steps = useDeletionSteps(database);
let made = 0;

const asOwner = (statement: string) => database().owner.pool.query(statement);

afterEach(() => asOwner('ALTER TABLE users DROP COLUMN IF EXISTS score'));

/** Restores `u-1`, whose value the new type cannot hold, and `u-2`, whose value it can hold. */
const restoreAs = async (type: string, newType: string, lossy: string, fitting: string) => {
  const workspace = await seedWorkspace(database(), `rounding${made++}`, 3);
  const { workspaceId } = workspace;
  await asOwner(`ALTER TABLE users ADD COLUMN score ${type}`);
  await asOwner(`UPDATE users SET score =
      (CASE user_id WHEN 'u-1' THEN ${lossy} ELSE ${fitting} END)::text::${type}
    WHERE workspace_id = '${workspaceId}'`);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await asOwner(
    `ALTER TABLE users ALTER COLUMN score TYPE ${newType} USING score::text::${newType}`,
  );
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  const { rows } = await asOwner(`SELECT user_id FROM users
    WHERE workspace_id = '${workspaceId}' ORDER BY user_id`);
  return { result, reasons: await reasonsOf(database(), jobId), rows };
};

test.each([
  ['numeric(10,4)', 'numeric(10,1)', '1.2345', '1.5'],
  ['numeric', 'float8', '12345678901234567890.5', '1.50'],
  ['float8', 'real', '0.123456789012', '0.1'],
  ['float8', 'real', '0.123456789012', '12345678'],
  ['numeric(4,2)', 'numeric(4,1)', '99.97', '99.5'],
  ['int', 'real', '2147483647', '16777216'],
  ['bigint', 'float8', '9223372036854775807', '9007199254740992'],
  ['timestamptz', 'timestamptz(0)', `'2026-01-01 10:00:00.4Z'`, `'2026-01-01 10:00:00Z'`],
  ['timestamptz', 'date', `'2026-01-01 10:00:00Z'`, `'2026-01-01 00:00:00Z'`],
  ['interval', 'interval(0)', `'1.4 s'`, `'2 s'`],
  ['numeric(10,4)[]', 'numeric(10,1)[]', `'{1,1.2345}'`, `'{1,NULL,1.5}'`],
  ['timestamptz', 'time', `'2026-01-01 10:00:00Z'`, 'NULL'],
  ['timestamp', 'timetz', `'2026-01-01 10:00:00'`, 'NULL'],
  ['timestamp[]', 'time[]', `'{2026-01-01 10:00:00}'`, `'{}'`],
  ['timetz', 'time', `'10:00:00+02'`, `'10:00:00+00'`],
  ['numeric', 'money', '1.2345', '1.50'],
  ['numeric[]', 'money[]', `'{1.2345}'`, `'{1.50,-2}'`],
  ['text', '"char"', `'ab'`, `'a'`],
  ['text', 'name', `repeat('a', 64)`, `repeat('a', 63)`],
  ['tsrange', 'daterange', `'[2026-01-01 10:00,2026-01-03 00:00)'`, `'[2026-01-01,2026-01-03)'`],
  ['tsmultirange', 'datemultirange', `'{[2026-01-01 10:00,2026-01-03 00:00)}'`, `'{}'`],
  ['numrange', 'int4range', `'[1,5]'`, `'[1,5)'`],
  ['time', 'interval(0)', `'10:00:00.5'`, `'24:00:00'`],
  ['char(70)', 'name', `repeat('a', 70)`, `'a'`],
  ['jsonb', 'name', `jsonb_build_object('a', repeat('b', 70))`, `'{}'`],
  ['text[]', 'varchar(3)[]', `'{"abc  "}'`, `'{abc,NULL}'`],
  ['text', 'char(5)', `'abc  '`, `'abc'`],
  ['int', 'oid', '-1', '1'],
])(
  'from %s to %s: a user whose value would be rounded is named and stays in the backup, another comes back',
  async (type, newType, lossy, fitting) => {
    const { result, reasons, rows } = await restoreAs(type, newType, lossy, fitting);
    expect(result).toMatchObject({
      state: 'partiallySucceeded',
      counts: { restored: 1, failed: 1 },
    });
    expect(reasons).toEqual({ 'u-1': 'failed changedOnInsert score' });
    expect(rows).toEqual([{ user_id: 'u-2' }, { user_id: 'u-3' }]);
  },
);

test.each([
  ['int', 'numeric(12,2)', '7', '8'],
  ['int', 'float8', '7', '8'],
  ['numeric(12,2)', 'real', '1234567.00', '0.10'],
  ['numeric(20,2)', 'float8', '1234567890123456.00', '1.50'],
  ['float8', 'real', '1234567.1', '1e10'],
  ['time', 'timetz', `'10:00:00.5'`, `'24:00:00'`],
  ['real', 'float8', '0.1', '0.25'],
  ['date', 'timestamptz', `'2026-01-01'`, `'2026-02-01'`],
  ['timestamp', 'timestamptz', `'2026-01-01 10:00:00.123456'`, `'infinity'`],
  ['float8', 'numeric', `'NaN'`, '1e10'],
  ['date', 'text', `'2026-01-01'`, `'2026-02-01'`],
  ['int[]', 'numeric(10,2)[]', `'{1,2}'`, `'{}'`],
  ['int', 'money', '7', '-8'],
  ['time', 'interval', `'10:00:00.5'`, `'24:00:00'`],
  ['interval', 'time', `'10:00:00.5'`, `'24:00:00'`],
  ['daterange', 'tsrange', `'[2026-01-01,2026-01-03)'`, `'(,)'`],
  ['int4range', 'numrange', `'[1,5)'`, `'empty'`],
  ['tstzrange', 'tsrange', `'[2026-01-01 10:00Z,)'`, `'[2026-01-01 10:00Z,2026-01-01 11:00Z]'`],
  ['varchar(10)', 'varchar(5)', `'abc'`, `'abcde'`],
  ['varchar(5)', 'char(5)', `'abc'`, `'abcde'`],
  ['char(5)', 'char(9)', `'abc'`, `'abcde'`],
])('from %s to %s every user comes back', async (type, newType, one, other) => {
  const { result } = await restoreAs(type, newType, one, other);
  expect(result).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
});
