import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from '../support.ts';

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

/** Selects all users whose id contains this text. */
const having = (prefix: string) => ({
  type: 'filter',
  filter: { field: 'userId', op: 'contains', value: prefix },
});

const preview = (selection: unknown, key: string) =>
  api().call('POST', '/v1/deletion-previews', { body: { selection }, key });

test('a selection of nearly all users is refused, and recently added users do not change the decision', async () => {
  const { call, keys, addUsers } = api();
  await addUsers('two', 30, 'churned');
  expect((await preview(having('churned'), keys.two)).status).toBe(201);
  await addUsers('two', 100, 'more');
  await query("DELETE FROM users WHERE workspace_id = 'two' AND user_id LIKE 'churned%'");
  const refused = await preview(having('more'), keys.two);
  expect(refused).toMatchObject({ status: 409, body: { type: '/problems/delete-all-required' } });
  expect(refused.body.detail).toMatch(
    /^This deletion and those that are running would delete 100 of the 100 users/,
  );
  const { rows } = await query("SELECT count(*) AS n FROM previews WHERE workspace_id = 'two'");
  const ids = Array.from({ length: 100 }, (_, n) => `more-${String(n).padStart(5, '0')}`);
  const direct = await call('POST', '/v1/deletions', {
    key: keys.two,
    body: { selection: { type: 'ids', ids }, reason: 'r' },
  });
  expect(direct).toMatchObject({ status: 409, body: { type: '/problems/delete-all-required' } });
  expect(
    (await query("SELECT count(*) AS n FROM previews WHERE workspace_id = 'two'")).rows,
  ).toEqual(rows);
  await addUsers('two', 12, 'padding');
  await addUsers('two', 1_000, 'made-up');
  await query(
    "UPDATE users SET created_at = created_at - interval '1 day' WHERE user_id LIKE 'more%'",
  );
  expect((await preview(having('more'), keys.two)).status).toBe(409);
  await query(
    "UPDATE users SET created_at = created_at - interval '2 days' WHERE user_id LIKE 'padding%'",
  );
  expect((await preview(having('more'), keys.two)).status).toBe(201);
});

test('recent deletions count towards the limit, and the problem states since when', async () => {
  const { keys, keyIds, addUsers } = api();
  await query("DELETE FROM users WHERE workspace_id = 'two'");
  await addUsers('two', 60, 'left');
  await query(
    "UPDATE users SET created_at = created_at - interval '9 days' WHERE workspace_id = 'two'",
  );
  const [job, backup] = [uuidv7(), uuidv7()];
  await query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, finished_at)
     VALUES ($1, 'two', 'deletion', 'succeeded', '{"type": "ids"}', $2, now())`,
    [job, keyIds.two],
  );
  await query(
    `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, state, attempt, rows, expires_at)
     VALUES ($1, $2, 'two', 'backup', 1, 'zstd', 'verified', 1, 440, now() + interval '1 day')`,
    [backup, job],
  );
  await query("INSERT INTO export_attempts VALUES ($1, 1, '1:1:', 'none')", [backup]);
  await query(
    `INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256, cursor, deleted,
       oldest_deleted) VALUES ($1, 1, 1, 440, 1, 1, '', 440, 440, now() - interval '9 days')`,
    [backup],
  );
  await query(
    `INSERT INTO admitted_deletions VALUES ($1, 1, $2, 'two', false, 440, 440, '2026-01-01'::timestamptz)`,
    [backup, job],
  );
  const ids = Array.from({ length: 20 }, (_, n) => `left-${String(n).padStart(5, '0')}`);
  const ask = () => preview({ type: 'ids', ids }, keys.two);
  // The earlier deletion is too old to count.
  expect((await ask()).status).toBe(201);
  await query(
    "UPDATE admitted_deletions SET admitted_at = now() - interval '1 day' WHERE job_id = $1",
    [job],
  );
  const refused = await ask();
  expect(refused.status).toBe(409);
  // The start of the period moves on with the clock.
  const detail =
    /^This deletion, those that are running and earlier ones would delete 460 of the 500 users that existed at \d{4}-\S+Z\. 440 of them are deleted already\.$/;
  expect(refused.body.detail).toMatch(detail);
  const body = { selection: { type: 'ids', ids }, reason: 'r' };
  const direct = await api().call('POST', '/v1/deletions', { key: keys.two, body });
  expect(direct.status).toBe(409);
  expect(direct.body.detail).toMatch(detail);
  await query('DELETE FROM admitted_deletions WHERE job_id = $1', [job]);
});
