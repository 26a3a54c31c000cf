import { beforeAll, expect, test } from 'vitest';
import { createApiKey, noteKeyUse, proofOf, revokeApiKey } from '../../../db/api-keys.ts';
import {
  beginSession,
  endSessions,
  eraseEndedSessions,
  findSession,
  listEndedSessions,
} from '../../../db/sessions.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { useDatabase } from '../../support/database/database.ts';
import { refusalCode } from '../../support/database/refusal-code.ts';

/** What the database lets API and worker do with sessions, and when a session ends. */

const database = useDatabase();

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

const makeKey = (expires?: { inSeconds: number }) =>
  createApiKey(database().owner.db, {
    role: 'platform',
    workspaceId: null,
    ownerName: 'pia',
    ownerEmail: 'pia@keys.example',
    ...(expires !== undefined && { expires }),
  });

const NO_BACKUP = '00000000-0000-7000-8000-000000000001';

let sessions = 0;

const begin = async (key?: { id: string; key: string }) => {
  const holder = key ?? (await makeKey());
  const sessionId = `session ${++sessions}`;
  const endsAt = await beginSession(database().api.db, { key: holder.key, sessionId });
  expect(endsAt).toBeInstanceOf(Date);
  return { ...holder, sessionId, proof: proofOf(sessionId), endsAt: endsAt! };
};

/** The key that the functions for decisions find for a proof. */
const keyOf = async (proof: Buffer): Promise<string | null> =>
  (await query('SELECT key_of($1) AS id', [proof]))[0].id;

const isLive = async (sessionId: string): Promise<boolean> => {
  const isFound = (await findSession(database().api.db, sessionId)) !== undefined;
  expect((await keyOf(proofOf(sessionId))) !== null).toBe(isFound);
  return isFound;
};

const change = (sessionId: string, assignment: string) =>
  query(`UPDATE sessions SET ${assignment} WHERE hash = sha256($1)`, [proofOf(sessionId)]);

const usedAt = async (sessionId: string): Promise<Date> =>
  (
    await query('SELECT last_used_at AS at FROM sessions WHERE hash = sha256($1)', [
      proofOf(sessionId),
    ])
  )[0].at;

beforeAll(async () => {
  await createWorkspace(database().owner.db, { id: 'one', name: 'One' });
});

test('a session proves its key to the database as the key itself does', async () => {
  const session = await begin();
  expect(await keyOf(session.proof)).toBe(session.id);
  expect(await keyOf(proofOf(session.key))).toBe(session.id);
  expect(await findSession(database().api.db, session.sessionId)).toMatchObject({
    id: session.id,
    role: 'platform',
    session_expires_at: session.endsAt,
  });
});

test('what the table of sessions stores proves nothing', async () => {
  const session = await begin();
  const [{ hash }] = await query('SELECT hash FROM sessions WHERE key_id = $1', [session.id]);
  expect(hash).not.toEqual(session.proof);
  expect(await keyOf(hash)).toBeNull();
});

test('a session cannot begin without the proof of a valid key, nor with the proof of a session', async () => {
  const { db, pool } = database().api;
  const session = await begin();
  const revoked = await makeKey();
  await revokeApiKey(database().owner.db, revoked.id);
  const [{ hash }] = await query('SELECT hash FROM api_keys WHERE id = $1', [session.id]);
  for (const proof of [session.proof, proofOf(revoked.key), hash, Buffer.alloc(32)]) {
    const { rows } = await pool.query('SELECT begin_session($1, $2) AS ends_at', [
      proof,
      Buffer.alloc(32, 1),
    ]);
    expect(rows).toEqual([{ ends_at: null }]);
  }
  expect(await beginSession(db, { key: revoked.key, sessionId: 'none' })).toBeUndefined();
  expect(await query('SELECT FROM sessions WHERE key_id = $1', [revoked.id])).toEqual([]);
});

test.each([
  [
    'api',
    'write a session',
    `INSERT INTO sessions SELECT '\\x00', id, now(), now(), now() FROM api_keys`,
  ],
  ['api', 'prolong a session', `UPDATE sessions SET expires_at = 'infinity'`],
  ['api', 'keep a session in use', 'UPDATE sessions SET last_used_at = clock_timestamp()'],
  ['api', 'delete the sessions of others', 'DELETE FROM sessions'],
  ['api', 'erase ended sessions', 'SELECT erase_ended_sessions()'],
  ['worker', 'read sessions', 'SELECT FROM sessions'],
  ['worker', 'begin a session', `SELECT begin_session('\\x00', '\\x01')`],
  ['worker', 'end a session', `SELECT end_sessions('{}')`],
] as const)('the role of the %s may not %s', async (role, _act, text) => {
  expect(await refusalCode(database(), role, text)).toBe('42501');
});

test('a session ends after 12 hours, and never later than its key', async () => {
  const session = await begin();
  const [{ hours }] = await query(
    `SELECT extract(epoch FROM expires_at - created_at) / 3600 AS hours FROM sessions WHERE key_id = $1`,
    [session.id],
  );
  expect(Number(hours)).toBeCloseTo(12, 3);
  expect(await isLive(session.sessionId)).toBe(true);
  await change(session.sessionId, 'expires_at = clock_timestamp()');
  expect(await isLive(session.sessionId)).toBe(false);

  const brief = await makeKey({ inSeconds: 3_600 });
  expect((await begin(brief)).endsAt).toEqual(brief.expiresAt);
});

test('a session ends after 2 hours without use, and no use makes it live again', async () => {
  const { sessionId, proof } = await begin();
  await change(sessionId, `last_used_at = clock_timestamp() - interval '119 minutes'`);
  expect(await isLive(sessionId)).toBe(true);
  await change(sessionId, `last_used_at = clock_timestamp() - interval '2 hours'`);
  expect(await isLive(sessionId)).toBe(false);
  const old = await usedAt(sessionId);
  await noteKeyUse(database().api.db, proof);
  expect(await usedAt(sessionId)).toEqual(old);
});

test('a session ends with its key: at its revocation, at its expiry, and when its row is deleted', async () => {
  const [revoked, expired, deleted] = [await begin(), await begin(), await begin()];
  const past = `created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'`;
  await revokeApiKey(database().owner.db, revoked.id);
  await query(`UPDATE api_keys SET ${past} WHERE id = $1`, [expired.id]);
  await query('DELETE FROM api_keys WHERE id = $1', [deleted.id]);
  for (const { sessionId } of [revoked, expired, deleted]) {
    expect(await isLive(sessionId)).toBe(false);
  }
  expect(await query('SELECT FROM sessions WHERE key_id = $1', [deleted.id])).toEqual([]);
});

const hashOf = async ({ sessionId }: { sessionId: string }) =>
  (await query(`SELECT encode(sha256($1), 'hex') AS hash`, [proofOf(sessionId)]))[0].hash as string;

test('ending sessions ends exactly these', async () => {
  const { api } = database();
  const key = await makeKey();
  const [one, two, three] = [await begin(key), await begin(key), await begin(key)];
  await endSessions(api.db, [one.sessionId, two.sessionId, 'unknown']);
  await endSessions(api.db, []);
  const left = [
    await isLive(one.sessionId),
    await isLive(two.sessionId),
    await isLive(three.sessionId),
  ];
  expect(left).toEqual([false, false, true]);
  const hashes = [await hashOf(one), await hashOf(two), await hashOf(three)];
  expect(await listEndedSessions(api.db, hashes)).toEqual(hashes.slice(0, 2));
});

test('the use of a session is recorded once a minute, together with the use of its key', async () => {
  const { api } = database();
  const { id, sessionId, proof } = await begin();
  const keyUsedAt = async () =>
    (await query('SELECT last_used_at AS at FROM api_keys WHERE id = $1', [id]))[0].at as Date;
  const first = await usedAt(sessionId);
  await noteKeyUse(api.db, proof);
  expect(await usedAt(sessionId)).toEqual(first);
  expect(await keyUsedAt()).toBeInstanceOf(Date);
  await change(sessionId, `last_used_at = clock_timestamp() - interval '61 seconds'`);
  await noteKeyUse(api.db, proof);
  expect((await usedAt(sessionId)).getTime()).toBeGreaterThan(first.getTime());
});

test('an open transaction does not prolong a session that was ended, or that has expired', async () => {
  const [ended, expired] = [await begin(), await begin()];
  const client = await database().api.pool.connect();
  /** The database accepts the proof: then it looks for the backup, and finds none. */
  const proves = async (proof: Buffer): Promise<boolean> => {
    await client.query('SAVEPOINT before');
    const code = await client
      .query('SELECT purge_backup($1, $2, $3)', [proof, NO_BACKUP, 'r'])
      .then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
    await client.query('ROLLBACK TO before');
    expect(['KS012', 'P0002']).toContain(code);
    return code === 'P0002';
  };
  try {
    await client.query('BEGIN');
    expect([await proves(ended.proof), await proves(expired.proof)]).toEqual([true, true]);
    await endSessions(database().api.db, [ended.sessionId]);
    await change(expired.sessionId, 'expires_at = clock_timestamp()');
    expect([await proves(ended.proof), await proves(expired.proof)]).toEqual([false, false]);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

test.each(['REPEATABLE READ', 'SERIALIZABLE'])(
  'no proof is accepted under %s, whose snapshot would still show an ended session',
  async (isolation) => {
    const { proof, key } = await begin();
    const client = await database().api.pool.connect();
    for (const each of [proof, proofOf(key)]) {
      await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
      await expect(
        client.query('SELECT purge_backup($1, $2, $3)', [each, NO_BACKUP, 'r']),
      ).rejects.toMatchObject({
        code: 'KS012',
        message: expect.stringContaining('READ COMMITTED'),
      });
      await client.query('ROLLBACK');
    }
    client.release();
  },
);

test('ended sessions are erased, and live sessions stay', async () => {
  const [live, over, idle, revoked] = [await begin(), await begin(), await begin(), await begin()];
  await change(over.sessionId, 'expires_at = clock_timestamp()');
  await change(idle.sessionId, `last_used_at = clock_timestamp() - interval '3 hours'`);
  await revokeApiKey(database().owner.db, revoked.id);
  expect(await eraseEndedSessions(database().worker.db)).toBeGreaterThanOrEqual(3);
  const rows = await query('SELECT key_id FROM sessions WHERE key_id = ANY ($1)', [
    [live.id, over.id, idle.id, revoked.id],
  ]);
  expect(rows).toEqual([{ key_id: live.id }]);
  expect(await eraseEndedSessions(database().worker.db)).toBe(0);
});

test('a key keeps its newest 100 sessions', async () => {
  const key = await makeKey();
  const first = await begin(key);
  for (let n = 0; n < 100; n++) await begin(key);
  expect(await isLive(first.sessionId)).toBe(false);
  const [{ count }] = await query('SELECT count(*)::int FROM sessions WHERE key_id = $1', [key.id]);
  expect(count).toBe(100);
});
