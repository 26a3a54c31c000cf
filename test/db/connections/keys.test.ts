import { beforeAll, expect, test } from 'vitest';
import {
  createApiKey,
  findApiKey,
  listEnded,
  type NewApiKey,
  noteKeyUse,
  proofOf,
  revokeApiKey,
} from '../../../db/api-keys.ts';
import { listDeciders } from '../../../db/delete-all/decisions.ts';
import { createLink, findLink, listLinks } from '../../../db/exports/download-links.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { useDatabase } from '../../support/database/database.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';

/** The expiry of keys, their last use, and their lines in the activity log. */

const database = useDatabase();

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const make = (name: string, more: Partial<NewApiKey> = {}) =>
  createApiKey(database().owner.db, {
    role: 'admin',
    workspaceId: 'one',
    ownerName: `${name} Canary`,
    ownerEmail: `${name}@canary.example`,
    ...more,
  });

const PLATFORM = { role: 'platform', workspaceId: null } as const;
const DAY_SECONDS = 86_400;

/** Moves a key's lifetime into the past, so that the key has expired. */
const expire = (id: string) =>
  query(
    `UPDATE api_keys SET created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'
      WHERE id = $1`,
    [id],
  );

const linesOf = (shownId: string) =>
  query(`SELECT * FROM activity WHERE details->>'keyId' = $1 ORDER BY at, id`, [shownId]);

beforeAll(async () => {
  await createWorkspace(database().owner.db, { id: 'one', name: 'One' });
});

test('a key ends at its expiry, by the clock of the database, as if it were revoked', async () => {
  const { api, owner } = database();
  const day = await make('day', { expires: { inSeconds: DAY_SECONDS } });
  const [{ left }] = await query(
    'SELECT extract(epoch FROM expires_at - now())::int AS left FROM api_keys WHERE id = $1',
    [day.id],
  );
  expect(left).toBeGreaterThan(DAY_SECONDS - 60);
  expect(left).toBeLessThanOrEqual(DAY_SECONDS);
  const fixed = await make('fixed', { expires: { at: '2100-01-31T00:00:00Z' } });
  expect(fixed.expiresAt?.toISOString()).toBe('2100-01-31T00:00:00.000Z');
  expect((await make('endless')).expiresAt).toBeNull();
  expect(await findApiKey(api.db, day.key)).toMatchObject({ id: day.id });

  await expire(day.id);
  await revokeApiKey(owner.db, fixed.id);
  for (const { key } of [day, fixed]) expect(await findApiKey(api.db, key)).toBeUndefined();
  const all = (await query('SELECT id FROM api_keys')).map(({ id }) => id);
  expect((await listEnded(api.db, all)).toSorted()).toEqual([day.id, fixed.id].toSorted());
});

test('a key whose expiry is in the past is refused, and is not created', async () => {
  const before = await query('SELECT count(*) FROM api_keys');
  await expect(make('late', { expires: { at: '2020-01-01T00:00:00Z' } })).rejects.toThrow(
    'The key would end before it begins',
  );
  expect(await query('SELECT count(*) FROM api_keys')).toEqual(before);
});

test('an expired key proves nothing, decides nothing, and is not listed as a decider', async () => {
  const { app, api } = database();
  const pia = await make('pia', PLATFORM);
  const keyOf = async () =>
    (await query('SELECT key_of($1) AS id', [proofOf(pia.key)])).map(({ id }) => id)[0];
  const isDecider = async () =>
    (await listDeciders(app.db, 'platform', 'one')).some(({ id }) => id === pia.id);
  expect([await keyOf(), await isDecider()]).toEqual([pia.id, true]);
  await expire(pia.id);
  expect([await keyOf(), await isDecider()]).toEqual([null, false]);
  const [{ refusal }] = await query(
    `SELECT refuse_decider(NULL::delete_all_requests, 'approve', $1) AS refusal`,
    [pia.id],
  );
  expect(refusal).toBe('revokedKey');
  const [id, reason] = ['00000000-0000-7000-8000-000000000001', 'r'];
  await expect(
    api.pool.query('SELECT purge_backup($1, $2, $3)', [proofOf(pia.key), id, reason]),
  ).rejects.toMatchObject({ code: 'KS012' });
});

test('a link ends with the key that made it, even if the expiry of the key changes later', async () => {
  const { owner, api } = database();
  const maker = await make('maker', { expires: { inSeconds: DAY_SECONDS } });
  const jobId = await makeJob(owner.db, { workspaceId: 'one', keyId: maker.id });
  const { id: exportId } = await makeExport({ db: owner.db }, { jobId, workspaceId: 'one' });
  const link = (await createLink(api.db, { exportId, createdBy: maker.id, hours: 100 }))!;
  expect(link.expiresAt).toEqual(maker.expiresAt);
  expect(await findLink(api.db, link.id)).toMatchObject({ link_is_over: false });
  // The same if the key's expiry is changed afterwards.
  await expire(maker.id);
  expect(await findLink(api.db, link.id)).toMatchObject({ link_is_over: true });
  expect(await listLinks(api.db, exportId)).toMatchObject([{ revoked_at: expect.any(Date) }]);
});

test('the use of a key is recorded once a minute, only by its proof, and without waiting for a lock', async () => {
  const { api, owner } = database();
  const { id, key } = await make('used');
  const usedAt = async () =>
    (await query('SELECT last_used_at AS at FROM api_keys WHERE id = $1', [id]))[0].at as Date;
  expect(await usedAt()).toBeNull();
  await noteKeyUse(api.db, Buffer.alloc(32));
  const [{ hash }] = await query('SELECT hash FROM api_keys WHERE id = $1', [id]);
  await noteKeyUse(api.db, hash as Buffer);
  expect(await usedAt()).toBeNull();
  await noteKeyUse(api.db, proofOf(key));
  const first = await usedAt();
  await noteKeyUse(api.db, proofOf(key));
  expect(await usedAt()).toEqual(first);

  await query(`UPDATE api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1`, [
    id,
  ]);
  const old = await usedAt();
  const holder = await owner.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM api_keys WHERE id = $1 FOR UPDATE', [id]);
  await noteKeyUse(api.db, proofOf(key));
  await holder.query('ROLLBACK');
  expect(await usedAt()).toEqual(old);
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE api_keys IN SHARE MODE');
  await expect(noteKeyUse(api.db, proofOf(key))).rejects.toMatchObject({ code: '55P03' });
  await holder.query('ROLLBACK');
  holder.release();
  await noteKeyUse(api.db, proofOf(key));
  expect((await usedAt()).getTime()).toBeGreaterThanOrEqual(first.getTime());
});

test('the activity log has a line for each created, changed and revoked key, but not for its use', async () => {
  const { api, owner } = database();
  const { id, shownId, key } = await make('told', { expires: { at: '2100-01-01T00:00:00Z' } });
  await noteKeyUse(api.db, proofOf(key));
  await query(`UPDATE api_keys SET expires_at = NULL WHERE id = $1`, [id]);
  await query(`UPDATE api_keys SET owner_name = owner_name WHERE id = $1`, [id]);
  expect(await revokeApiKey(owner.db, shownId)).toBe(true);
  expect(await revokeApiKey(owner.db, shownId)).toBe(false);
  const lines = await linesOf(shownId);
  const details = { keyId: shownId, role: 'admin', expiresAt: null };
  const line = { workspace_id: 'one', actor_key_id: null, job_id: null, reason: null, details };
  expect(lines).toMatchObject([
    {
      ...line,
      kind: 'keyCreated',
      details: { ...details, expiresAt: expect.stringMatching(/^2100-/) },
    },
    { ...line, kind: 'keyChanged' },
    { ...line, kind: 'keyRevoked' },
  ]);
  // The lines hold neither the key, nor its owner, nor the internal id of the key.
  expect(JSON.stringify(lines)).not.toMatch(new RegExp(`canary|ks_|${id}|\\\\x`, 'i'));
});

test('only a line about a key without a workspace may lack a workspace', async () => {
  const { shownId } = await make('ops', { role: 'ops', workspaceId: null });
  expect(await linesOf(shownId)).toMatchObject([{ kind: 'keyCreated', workspace_id: null }]);
  await expect(
    query(`INSERT INTO activity (id, kind) VALUES (gen_random_uuid(), 'download')`),
  ).rejects.toMatchObject({ code: '23514', constraint: 'only_keys_without_workspace' });
});

test('a key is not created if its line in the activity log cannot be written', async () => {
  await query(`ALTER TABLE activity ADD CONSTRAINT none CHECK (kind <> 'keyCreated') NOT VALID`);
  await expect(make('untold')).rejects.toMatchObject({ constraint: 'none' });
  await query('ALTER TABLE activity DROP CONSTRAINT none');
  expect(await query(`SELECT FROM api_keys WHERE owner_email LIKE 'untold@%'`)).toEqual([]);
});

test.each(['api', 'worker'] as const)(
  'the role of the %s cannot change a key, set its last use, or block its revocation',
  async (role) => {
    for (const act of [
      'UPDATE api_keys SET expires_at = NULL',
      'UPDATE api_keys SET revoked_at = NULL',
      'UPDATE api_keys SET last_used_at = now()',
      'SELECT FROM api_keys FOR KEY SHARE',
    ]) {
      await expect(database()[role].pool.query(act)).rejects.toMatchObject({ code: '42501' });
    }
  },
);
