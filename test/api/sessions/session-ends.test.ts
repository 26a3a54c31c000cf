import type { AddressInfo } from 'node:net';
import { beforeAll, expect, test, vi } from 'vitest';
import { createApiKey, proofOf, revokeApiKey } from '../../../db/api-keys.ts';
import { openEvents } from '../../support/steps/events.ts';
import { makeJob } from '../../support/steps/export-rows.ts';
import { useApi } from '../support.ts';
import { signIn, type SignedIn } from './sessions-support.ts';

/** The ends of a session, for its requests and its event streams. */

const api = useApi();
let events = '';

beforeAll(async () => {
  const { app, database, keyIds } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  const jobId = await makeJob(database.owner.db, { workspaceId: 'one', keyId: keyIds.one });
  events = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/v1/jobs/${jobId}/events`;
});

const query = async (text: string, values: unknown[] = []) =>
  (await api().database.owner.pool.query(text, values)).rows;

const begin = async () => {
  const key = await createApiKey(api().database.owner.db, {
    role: 'ops',
    workspaceId: null,
    ownerName: 'olga',
    ownerEmail: 'olga@keys.example',
  });
  return { ...key, session: await signIn(api(), key.key) };
};

type Begun = Awaited<ReturnType<typeof begin>>;

const read = ({ cookie }: SignedIn) =>
  api().call('GET', '/v1/me', { key: null, headers: { cookie } });

const open = ({ session: { cookie } }: Begun) => openEvents(events, { cookie });

const change = ({ sessionId }: SignedIn, assignment: string) =>
  query(`UPDATE sessions SET ${assignment} WHERE hash = sha256($1)`, [proofOf(sessionId)]);

const ENDS: [string, (begun: Begun) => Promise<unknown>][] = [
  ['its key is revoked', ({ id }) => revokeApiKey(api().database.owner.db, id)],
  [
    'its key expires',
    ({ id }) =>
      query(
        `UPDATE api_keys SET created_at = now() - interval '2 hours', expires_at = now() WHERE id = $1`,
        [id],
      ),
  ],
  [
    'its user signs out',
    ({ session: { headers } }) => api().call('DELETE', '/v1/session', { key: null, headers }),
  ],
  ['12 hours have passed', ({ session }) => change(session, 'expires_at = clock_timestamp()')],
  [
    'it was not used for 2 hours',
    ({ session }) =>
      change(session, `last_used_at = clock_timestamp() - interval '2 hours 1 second'`),
  ],
];

test.each(ENDS)('a session and its streams end when %s', async (_why, end) => {
  const [ended, other] = [await begin(), await begin()];
  const [ends, goesOn] = [await open(ended), await open(other)];
  expect([ends.status, goesOn.status]).toEqual([200, 200]);
  await Promise.all([ends.next(), goesOn.next()]);
  await end(ended);
  const answer = await read(ended.session);
  expect(answer).toMatchObject({ status: 401, body: { type: '/problems/unauthenticated' } });
  expect(answer.body.detail).toBe('The session has ended. Sign in again.');
  expect(await ends.next()).toBeUndefined();
  expect((await open(ended)).status).toBe(401);
  expect((await read(other.session)).status).toBe(200);
  await query(`UPDATE jobs SET phase = phase || '.' WHERE phase IS NOT NULL`);
  await query(`UPDATE jobs SET phase = 'verifying' WHERE phase IS NULL`);
  expect(await goesOn.next()).toBeDefined();
  goesOn.close();
});

test('signing out ends the streams of this session, and not those of its key', async () => {
  const { key, session } = await begin();
  const other = await signIn(api(), key);
  const readers = [
    await openEvents(events, { cookie: session.cookie }),
    await openEvents(events, { cookie: other.cookie }),
    await openEvents(events, key),
  ];
  await Promise.all(readers.map((reader) => reader.next()));
  const { headers } = session;
  await api().call('DELETE', '/v1/session', { key: null, headers });
  expect(await readers[0]!.next()).toBeUndefined();
  await query(`UPDATE jobs SET phase = coalesce(phase, '') || '.'`);
  for (const reader of readers.slice(1)) {
    expect(await reader.next()).toBeDefined();
    reader.close();
  }
});

test('revoking a key that another connection holds fails after 10 seconds, and says what to do', async () => {
  const { id } = await begin();
  const { owner } = api().database;
  const holder = await owner.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM api_keys WHERE id = $1 FOR NO KEY UPDATE', [id]);
  await expect(revokeApiKey(owner.db, id)).rejects.toThrow(/was not revoked.*pg_terminate_backend/);
  await holder.query('ROLLBACK');
  holder.release();
  expect(await revokeApiKey(owner.db, id)).toBe(true);
});

test('signing in counts as a use of the key', async () => {
  const { id } = await begin();
  const [row] = await query('SELECT last_used_at FROM api_keys WHERE id = $1', [id]);
  expect(row).toMatchObject({ last_used_at: expect.any(Date) });
});

test('the clock of the database decides when a session ends', async () => {
  const { session } = await begin();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 13 * 3_600_000 });
  const later = await read(session);
  vi.useRealTimers();
  expect(later.status).toBe(200);
});
