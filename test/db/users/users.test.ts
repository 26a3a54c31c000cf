import { beforeAll, expect, test } from 'vitest';
import { createApiKey } from '../../../db/api-keys.ts';
import { mergeUsers } from '../../../db/users/user-merge.ts';
import type { UserChange } from '../../../db/users/user-writes.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { useDatabase } from '../../support/database/database.ts';

const database = useDatabase();
const ADMIN = { mayCreate: true, mayClearHold: false };
const PLATFORM = { mayCreate: false, mayClearHold: true };

beforeAll(async () => {
  const { db } = database().owner;
  await createWorkspace(db, { id: 'one', name: 'One' });
  const owner = { ownerName: 'ada', ownerEmail: 'ada@keys.example' };
  actorKeyId = (await createApiKey(db, { role: 'admin', workspaceId: 'one', ...owner })).id;
});

let actorKeyId = '';

const merge = (changes: UserChange[], options = ADMIN) =>
  mergeUsers(database().app.db, 'one', changes, { actorKeyId, ...options });

const change = (userId: string, columns = {}, properties = {}): UserChange => ({
  userId,
  columns,
  properties,
});

const read = (userId: string) =>
  database()
    .owner.db.selectFrom('users')
    .selectAll()
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow();

test('overlapping merges of existing and new users, in any order, all succeed', async () => {
  const ids = Array.from({ length: 60 }, (_, index) => `mix-${index}`);
  await merge(ids.filter((_, index) => index % 3 === 0).map((id) => change(id)));
  const rounds = Array.from({ length: 24 }, (_, round) => {
    const rotated = [...ids.slice(round * 2), ...ids.slice(0, round * 2)];
    const chosen = rotated.filter((_, index) => (index + round) % 2 === 0);
    return merge(chosen.map((id) => change(id, {}, { [`p${round}`]: round })));
  });
  const outcomes = (await Promise.all(rounds)).flat();
  expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(40);
  const users = await Promise.all(ids.map(read));
  const written = users.flatMap(({ properties }) => Object.keys(properties as object));
  expect(written).toHaveLength(outcomes.length);
});

test('values that the API would not store stay unchanged when other properties are merged', async () => {
  await merge([change('odd')]);
  await database()
    .owner.db.updateTable('users')
    .set({ properties: '{"odd":null,"deep":{"a":null},"gone":1}', first_name: '' })
    .where('user_id', '=', 'odd')
    .execute();
  await merge([change('odd', { city: 'Oslo' }, { plan: 'x', gone: null })]);
  expect(await read('odd')).toMatchObject({
    city: 'Oslo',
    first_name: '',
    properties: { odd: null, deep: { a: null }, plan: 'x' },
  });
});

test('a hold is cleared only with the right to clear it, also within one merge', async () => {
  const outcomes = await merge([
    change('h', { legal_hold: true }),
    change('h', { legal_hold: false, city: 'lost' }),
    change('h', { city: 'kept' }),
  ]);
  expect(outcomes).toEqual(['created', 'held', 'updated']);
  expect(await read('h')).toMatchObject({ legal_hold: true, city: 'kept' });
  expect(await merge([change('h', { legal_hold: false })], PLATFORM)).toEqual(['updated']);
  expect((await read('h')).legal_hold).toBe(false);
});

test('without the right to create users, a merge does not create a missing user', async () => {
  expect(await merge([change('absent', { city: 'X' })], PLATFORM)).toEqual(['notFound']);
  await expect(read('absent')).rejects.toThrow('no result');
});

test('a merge keeps the creation time of a user, and changes the stamp', async () => {
  await merge([change('times')]);
  const before = await read('times');
  await merge([change('times', { city: 'Rome' })]);
  const after = await read('times');
  expect(after.created_at).toEqual(before.created_at);
  expect(after.inserted_in).toBe(before.inserted_in);
  expect(after.updated_at.getTime()).toBeGreaterThanOrEqual(before.updated_at.getTime());
  expect(after.written_in).not.toBe(before.written_in);
});

test('the activity log records set and cleared holds as counts, and only when they change', async () => {
  const { db } = database().owner;
  const earlier = (await db.selectFrom('activity').select('id').execute()).map(({ id }) => id);
  await merge([
    change('log-a', { legal_hold: true }),
    change('log-b', { legal_hold: true }),
    change('log-c', { legal_hold: true }),
    change('log-c', { legal_hold: false }),
    change('log-d', { city: 'Rome' }),
  ]);
  await merge([change('log-a', { legal_hold: true })]);
  await merge([change('log-a', { legal_hold: false })], PLATFORM);
  const all = await db.selectFrom('activity').selectAll().orderBy('id').execute();
  const lines = all.filter(({ id }) => !earlier.includes(id));
  expect(lines).toMatchObject([
    { kind: 'holdSet', actor_key_id: actorKeyId, workspace_id: 'one', counts: { users: 3 } },
    { kind: 'holdCleared', actor_key_id: actorKeyId, counts: { users: 1 } },
  ]);
  expect(JSON.stringify(lines)).not.toContain('log-');
});

test('a hold that cannot be logged is not set', async () => {
  const { db } = database().owner;
  const stranger = { ...ADMIN, actorKeyId: '00000000-0000-7000-8000-000000000000' };
  await expect(merge([change('unlogged', { legal_hold: true })], stranger)).rejects.toThrow(
    'activity_actor_key_id_fkey',
  );
  const found = await db
    .selectFrom('users')
    .select('user_id')
    .where('user_id', '=', 'unlogged')
    .execute();
  expect(found).toEqual([]);
});

test('a column that others added needs no equality operator, and a merge of the same values writes nothing', async () => {
  await database().owner.pool.query(`ALTER TABLE users
    ADD COLUMN raw json DEFAULT '{"a": 1}', ADD COLUMN spot point DEFAULT '(1,2)'`);
  const values = change('added', { city: 'Oslo', tags: ['a'] }, { plan: 'x' });
  expect(await merge([values])).toEqual(['created']);
  const before = await read('added');
  expect(await merge([values])).toEqual(['updated']);
  expect(await read('added')).toEqual(before);
  const [cleared, held] = [change('added', { city: null }), change('added', { legal_hold: true })];
  expect(await merge([cleared])).toEqual(['updated']);
  expect(await merge([held])).toEqual(['updated']);
  const { written_in, updated_at, ...kept } = before;
  const after = await read('added');
  expect(after).toMatchObject({ ...kept, city: null, legal_hold: true });
  expect([after.written_in, after.updated_at]).not.toEqual([written_in, updated_at]);
});
