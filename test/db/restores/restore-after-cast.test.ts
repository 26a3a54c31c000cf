import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { reasonsOf, seedWorkspace, useDeletionSteps } from '../../support/steps/deletion.ts';
import { deleteUsers, restoreUsers } from '../../support/steps/restore.ts';

/** `ALTER COLUMN … TYPE` without USING has cast the values of the users who stayed. */

const database = useDatabase();
const steps = useDeletionSteps(database);
let made = 0;

const asOwner = (statement: string) => database().owner.pool.query(statement);

beforeAll(() => asOwner('CREATE EXTENSION citext'));
afterEach(() => asOwner('ALTER TABLE users DROP COLUMN IF EXISTS score'));
afterAll(() => asOwner('DROP EXTENSION citext'));

/** `u-1`, who is restored, has the same value as `u-3`, who stayed. */
const restoreAs = async (type: string, newType: string, value: string) => {
  const workspace = await seedWorkspace(database(), `cast${made++}`, 3);
  const { workspaceId } = workspace;
  await asOwner(`ALTER TABLE users ADD COLUMN score ${type} DEFAULT ${value}`);
  const { exportId } = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  await asOwner('ALTER TABLE users ALTER COLUMN score DROP DEFAULT');
  await asOwner(`ALTER TABLE users ALTER COLUMN score TYPE ${newType}`);
  const { jobId, ...result } = await restoreUsers(database(), steps, workspace, exportId);
  const { rows } = await asOwner(`SELECT user_id AS id, concat('<', score, '>') AS score FROM users
    WHERE workspace_id = '${workspaceId}' ORDER BY user_id`);
  return { result, reasons: await reasonsOf(database(), jobId), rows };
};

test.each([
  ['boolean', 'text', 'true', '<true>'],
  ['boolean', 'varchar(5)', 'false', '<false>'],
  ['boolean', 'char(6)', 'false', '<false >'],
  ['boolean[]', 'text[]', `'{t,NULL,f}'`, '<{true,NULL,false}>'],
  ['numeric(10,2)', 'int', '5', '<5>'],
  ['numeric[]', 'bigint[]', `'{5.00,NULL}'`, '<{5,NULL}>'],
  ['float8', 'bigint', '1e15', '<1000000000000000>'],
  ['real', 'smallint', '7', '<7>'],
  ['real', 'float8', '0.1', '<0.10000000149011612>'],
  ['char(5)', 'name', `'ab'`, '<ab>'],
  ['char(5)', 'text', `'ab'`, '<ab>'],
  ['char(5)', 'varchar(3)', `'ab'`, '<ab>'],
  ['char(5)[]', 'text[]', `'{ab,c}'`, '<{ab,c}>'],
  ['inet', 'text', `'10.0.0.1'`, '<10.0.0.1/32>'],
  ['money', 'numeric', `'1234.50'`, '<1234.50>'],
  ['box', 'polygon', `'((0,0),(1,2))'`, '<((0,0),(0,2),(1,2),(1,0))>'],
  ['point', 'box', `'(1,2)'`, '<(1,2),(1,2)>'],
  ['citext', 'text', `'Ab '`, '<Ab >'],
  ['varchar(9)', 'citext', `'Ab '`, '<Ab >'],
])('from %s to %s: a restored user has the same value as one who stayed', async (...change) => {
  const [type, newType, value, cast] = change;
  const { result, rows } = await restoreAs(type, newType, value);
  expect(result).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
  expect(rows).toEqual(['u-1', 'u-2', 'u-3'].map((id) => ({ id, score: cast })));
});

test('from boolean to a text that is too short for true, a user comes back with t', async () => {
  const { result, rows } = await restoreAs('boolean', 'char(1) USING left(score::text, 1)', 'true');
  expect(result).toMatchObject({ state: 'succeeded', counts: { restored: 2 } });
  expect(rows).toEqual(['u-1', 'u-2', 'u-3'].map((id) => ({ id, score: '<t>' })));
});

test.each([
  ['money', 'numeric(10,1)', `'1.25'`],
  ['numeric(10,2)', 'int', '5.50'],
  ['float8', 'int', '1.5'],
  ['citext', 'char(5)', `'Ab '`],
  ['citext[]', 'varchar(3)[]', `'{"abc  "}'`],
])('from %s to %s: a user whose value would be cut is named', async (type, newType, value) => {
  const { result, reasons, rows } = await restoreAs(type, newType, value);
  expect(result).toMatchObject({
    state: 'partiallySucceeded',
    counts: { restored: 0, failed: 2 },
  });
  const reason = 'failed changedOnInsert score';
  expect(reasons).toEqual({ 'u-1': reason, 'u-2': reason });
  expect(rows.map(({ id }) => id as string)).toEqual(['u-3']);
});
