import { expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

test('the platform team sets and clears the hold of a user, and can neither read nor change other fields', async () => {
  const { call, keys } = api();
  await call('POST', '/v1/users', { body: { userId: 'sued', firstName: 'Sue' } });
  const get = () => call('GET', '/v1/users/sued');
  const patch = (body: unknown, key: string, url = '/v1/users/sued?workspace=one') =>
    call('PATCH', url, { key, body });
  for (const legalHold of [true, false, true]) {
    const answer = await patch({ legalHold }, keys.platform);
    expect(answer).toMatchObject({ status: 200, body: { userId: 'sued', legalHold } });
    expect(Object.keys(answer.body)).toEqual(['userId', 'legalHold']);
    expect((await get()).body).toMatchObject({ legalHold, firstName: 'Sue' });
  }
  expect((await patch({ firstName: 'X' }, keys.platform)).status).toBe(403);
  expect((await patch({ legalHold: false, firstName: 'X' }, keys.platform)).status).toBe(403);
  expect((await patch({}, keys.platform)).status).toBe(403);
  expect((await patch({ legalHold: null }, keys.platform)).status).toBe(400);
  expect((await patch({ legalHold: false }, keys.ops)).status).toBe(403);
  expect((await patch({ legalHold: false }, keys.one)).status).toBe(403);
  expect((await patch({ legalHold: true }, keys.platform, '/v1/users/sued')).status).toBe(400);
  const absent = await patch({ legalHold: true }, keys.platform, '/v1/users/nobody?workspace=one');
  expect(absent.status).toBe(404);
  expect((await get()).body).toMatchObject({ legalHold: true, firstName: 'Sue' });

  const { rows } = await api().database.owner.pool.query(
    `SELECT kind, actor_key_id, counts FROM activity WHERE kind LIKE 'hold%' ORDER BY id`,
  );
  const by = { actor_key_id: api().keyIds.platform, counts: { users: 1 } };
  const kinds = ['holdSet', 'holdCleared', 'holdSet'];
  expect(rows).toEqual(kinds.map((kind) => ({ kind, ...by })));
});
