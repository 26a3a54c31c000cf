import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createApiKey } from '../../../db/api-keys.ts';
import { exportPrefix } from '../../../files/part-key.ts';
import type { ExportToMake } from '../../support/steps/export-rows.ts';
import { useFileApi } from '../exports/downloads-support.ts';
import { waitUntil } from '../../support/wait.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

const api = useFileApi();

const DAY_MS = 86_400_000;
const PHRASE = 'purge backup of 3 users';

let platform: { id: string; key: string };

beforeAll(async () => {
  const owner = { ownerName: 'Pia', ownerEmail: 'pia@keys.example', workspaceId: null };
  platform = await createApiKey(api().database.owner.db, { role: 'platform', ...owner });
});

const query = async (text: string, values: unknown[] = []) =>
  (await api().database.owner.pool.query(text, values)).rows;

/** A verified backup of a deletion that has ended. */
const addBackup = async (wanted: Partial<ExportToMake> = {}) => {
  const backup = await api().addExport({ purpose: 'backup', ...wanted });
  await query(`UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1`, [
    backup.jobId,
  ]);
  return backup;
};

type Body = Record<string, unknown>;

const send = async (method: 'GET' | 'PATCH' | 'POST', path: string, key: string, body?: Body) => {
  const answer = await api().call(
    method,
    `/v1/backups/${path}`,
    { authorization: `Bearer ${key}` },
    body,
  );
  return { status: answer.status, body: answer.json() };
};

const change = (id: string, body: Body, key = platform.key) => send('PATCH', id, key, body);
const purge = (id: string, body: Body, key = platform.key) =>
  send('POST', `${id}/purge`, key, body);
const confirmed = { confirm: PHRASE, reason: 'asked to be forgotten' };

const linesOf = (id: string) =>
  query(
    'SELECT kind, actor_key_id AS by, reason, counts, details FROM activity WHERE export_id = $1 ORDER BY id',
    [id],
  );

const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();

test('admins and the platform team extend the expiry of a backup, and the log has the old and new time', async () => {
  for (const { id: by, key } of [api().keys.demo, platform]) {
    const { id } = await addBackup();
    const before = (await send('GET', id, key)).body['expiresAt'];
    const expiresAt = inDays(100);
    const answer = await change(id, { expiresAt, reason: 'an audit' }, key);
    expect(answer).toMatchObject({ status: 200, body: { id, expiresAt, legalHold: false } });
    expect(await change(id, { expiresAt }, key)).toMatchObject({
      status: 200,
      body: { expiresAt },
    });
    const line = { kind: 'backupExtended', by, reason: 'an audit', counts: { users: 3 } };
    expect(await linesOf(id)).toMatchObject([
      { ...line, details: { from: before, to: expiresAt } },
    ]);
  }
});

test('an expiry that is sooner than the current one, in the past, or over ten years away is refused', async () => {
  const { id } = await addBackup();
  for (const expiresAt of [
    inDays(29),
    inDays(-1),
    '0001-01-01T00:00:00Z',
    inDays(3_700),
    '9999-12-31T23:59:59Z',
  ]) {
    const answer = await change(id, { expiresAt });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: '/expiresAt' }] } });
  }
  const held = await addBackup({ expiresAt: new Date(Date.now() - DAY_MS) });
  await query('UPDATE exports SET legal_hold = true WHERE id = $1', [held.id]);
  expect((await change(held.id, { expiresAt: inDays(-0.5) })).status).toBe(422);
  expect(await linesOf(id)).toEqual([]);
});

test('each malformed change is refused with a pointer to the wrong field', async () => {
  const { id } = await addBackup();
  const bodies: [Body, string][] = [
    [{}, ''],
    [{ reason: 'no change' }, ''],
    [{ expiresAt: 'tomorrow' }, '/expiresAt'],
    [{ expiresAt: '2030-02-30T00:00:00Z' }, '/expiresAt'],
    [{ expiresAt: '2030-01-01' }, '/expiresAt'],
    [{ expiresAt: null }, '/expiresAt'],
    [{ legalHold: 'yes' }, '/legalHold'],
    [{ legalHold: true, state: 'removed' }, '/state'],
    [{ legalHold: true, reason: ' ' }, '/reason'],
  ];
  for (const [body, pointer] of bodies) {
    expect(await change(id, body)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
  }
});

test('only the platform team sets and clears the hold of a backup, and a held backup is usable after expiry', async () => {
  const { id, jobId } = await addBackup();
  for (const legalHold of [true, false]) {
    const refused = await change(id, { legalHold }, api().keys.demo.key);
    expect(refused).toMatchObject({ status: 403, body: { errors: [{ pointer: '/legalHold' }] } });
  }
  expect((await change(id, { legalHold: true }, api().keys.ops.key)).status).toBe(403);
  for (let n = 0; n < 2; n++) {
    expect(await change(id, { legalHold: true })).toMatchObject({
      status: 200,
      body: { legalHold: true },
    });
  }
  await query(`UPDATE exports SET expires_at = now() - interval '1 day' WHERE id = $1`, [id]);
  expect((await api().call('GET', `/v1/backups/${id}/file`)).status).toBe(200);
  expect((await api().call('POST', `/v1/backups/${id}/restore-previews`, {}, {})).status).toBe(200);
  expect(await purge(id, confirmed)).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('legal hold'), data: { jobId } },
  });
  const expiresAt = inDays(10);
  const released = await change(id, { legalHold: false, expiresAt });
  expect(released).toMatchObject({ status: 200, body: { legalHold: false, expiresAt } });
  const kinds = (await linesOf(id)).map(({ kind }) => kind);
  expect(kinds).toEqual(['backupHeld', 'download', 'backupExtended', 'backupReleased']);
});

test('a purge requires the exact phrase and a reason, destroys the files, and records the key that purged', async () => {
  const backup = await addBackup();
  const { id, sha256 } = backup;
  const files = join(api().storageDir, exportPrefix(id));
  const shown = await send('GET', id, api().keys.ops.key);
  expect(shown.body).toMatchObject({ purgePhrase: PHRASE, removedAt: null, destroyedAt: null });
  for (const confirm of ['', 'purge', 'purge backup of 4 users', `${PHRASE} `]) {
    expect(await purge(id, { ...confirmed, confirm })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/confirm' }] },
    });
  }
  for (const body of [
    { confirm: PHRASE },
    { ...confirmed, reason: '' },
    { reason: 'x' },
    { ...confirmed, force: true },
  ]) {
    expect((await purge(id, body)).status).toBe(400);
  }
  expect(existsSync(files)).toBe(true);
  expect(await linesOf(id)).toEqual([]);

  const answer = await purge(id, confirmed);
  expect(answer).toMatchObject({
    status: 200,
    body: { id, state: 'removed', sha256, rows: 3, removedBy: platform.id, purgePhrase: null },
  });
  expect(answer.body['destroyedAt']).toEqual(expect.any(String));
  expect(answer.body['links']).not.toHaveProperty('file');
  expect(existsSync(files)).toBe(false);
  expect(await linesOf(id)).toMatchObject([
    {
      kind: 'backupPurged',
      by: platform.id,
      reason: confirmed.reason,
      counts: { users: 3, bytes: backup.content.length },
      details: { state: 'verified', sha256 },
    },
  ]);
  const job = (await api().call('GET', `/v1/deletions/${backup.jobId}`)).json();
  expect(job).toMatchObject({
    result: { backups: [{ id, rows: 3, sha256, removedAt: answer.body['removedAt'] }] },
    erasedAt: expect.any(String),
  });
  expect(job['links']).not.toHaveProperty('log');
  for (const path of ['records', 'log']) {
    const gone = await api().call('GET', `/v1/deletions/${backup.jobId}/${path}`);
    expect([gone.status, gone.json()['type']]).toEqual([410, '/problems/gone']);
  }
});

test('a person cannot purge, with any key, the backup of their own deletion or of its retry', async () => {
  const { db } = api().database.owner;
  const keyOf = (ownerEmail: string) =>
    createApiKey(db, { role: 'platform', ownerName: 'P', ownerEmail, workspaceId: null });
  const backup = await addBackup();
  const [{ email }] = await query(
    `SELECT owner_email AS email FROM api_keys k JOIN jobs j ON j.actor_key_id = k.id WHERE j.id = $1`,
    [backup.jobId],
  );
  const own = await keyOf(email);
  const tagged = await keyOf(email.replace('@', '+again@'));
  for (const { key } of [own, tagged]) {
    const refused = await purge(backup.id, confirmed, key);
    expect(refused).toMatchObject({ status: 403, body: { type: '/problems/self-purge' } });
  }
  const retry = await addBackup();
  await query('UPDATE jobs SET retry_of = $2, actor_key_id = $3 WHERE id = $1', [
    retry.jobId,
    backup.jobId,
    platform.id,
  ]);
  expect((await purge(retry.id, confirmed, own.key)).status).toBe(403);
  expect((await purge(retry.id, confirmed)).status).toBe(403);
  expect((await purge(backup.id, confirmed)).status).toBe(200);
  const third = await keyOf('third@keys.example');
  expect((await purge(retry.id, confirmed, third.key)).status).toBe(200);
});

test('a removed or expired backup answers 410 to changes, downloads and restores, and is still shown', async () => {
  const purged = await addBackup();
  await purge(purged.id, confirmed);
  const expired = await addBackup({ expiresAt: new Date(Date.now() - 1_000) });
  for (const { id } of [purged, expired]) {
    expect((await change(id, { expiresAt: inDays(60) })).status).toBe(410);
    expect((await change(id, { legalHold: true })).status).toBe(410);
    expect((await api().call('GET', `/v1/backups/${id}/file`)).status).toBe(410);
    expect((await api().call('POST', `/v1/backups/${id}/restores`, {}, {})).status).toBe(410);
    expect((await send('GET', id, platform.key)).status).toBe(200);
  }
  expect(await purge(purged.id, confirmed)).toMatchObject({
    status: 410,
    body: { type: '/problems/gone' },
  });
  // The backup has expired, but its files still exist: the purge destroys them.
  expect((await purge(expired.id, confirmed)).status).toBe(200);
});

test('a purge is refused while the deletion or a restore from the backup has not ended', async () => {
  const { id, jobId } = await addBackup();
  await query('UPDATE jobs SET finished_at = NULL WHERE id = $1', [jobId]);
  expect(await purge(id, confirmed)).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining(jobId), data: { jobId } },
  });
  await query('UPDATE jobs SET finished_at = now() WHERE id = $1', [jobId]);
  const restore = (await api().call('POST', `/v1/backups/${id}/restores`, {}, {})).json();
  expect(await purge(id, confirmed)).toMatchObject({
    status: 409,
    body: { data: { jobId: restore['id'] } },
  });
  expect(existsSync(join(api().storageDir, exportPrefix(id)))).toBe(true);
  expect(await linesOf(id)).toEqual([]);
});

test('a restore whose backup is removed while the request runs answers 410 and stores no job', async () => {
  const { id } = await addBackup();
  const client = await api().database.owner.pool.connect();
  await client.query('BEGIN');
  await client.query(`UPDATE exports SET state = 'removed', removed_at = now() WHERE id = $1`, [
    id,
  ]);
  const answer = api().call('POST', `/v1/backups/${id}/restores`, {}, {});
  await waitUntil(() => countLockWaits(api().database.owner.pool));
  await client.query('COMMIT');
  client.release();
  expect((await answer).json()).toMatchObject({ status: 410, type: '/problems/gone' });
  expect(await query('SELECT id FROM jobs WHERE backup_id = $1', [id])).toEqual([]);
});

test('a purge answers 202 when the files cannot be removed yet, and the backup is already marked as removed', async () => {
  const { id } = await addBackup();
  const { storage } = api();
  const { remove } = storage;
  storage.remove = async () => {
    throw new Error('the disk is away');
  };
  const answer = await purge(id, confirmed);
  storage.remove = remove;
  expect(answer).toMatchObject({ status: 202, body: { state: 'removed', destroyedAt: null } });
  expect((await api().call('POST', `/v1/backups/${id}/restores`, {}, {})).status).toBe(410);
  expect(await linesOf(id)).toMatchObject([{ kind: 'backupPurged' }]);
});

test('a backup is not found by an admin of another workspace, or when the request names another workspace', async () => {
  const { id } = await addBackup();
  const other = api().keys.other.key;
  expect((await change(id, { expiresAt: inDays(60) }, other)).status).toBe(404);
  expect((await change(`${id}?workspace=other`, { legalHold: true })).status).toBe(404);
  expect((await purge(uuidv7(), confirmed)).status).toBe(404);
  expect((await send('POST', `${id}/purge?workspace=other`, platform.key, confirmed)).status).toBe(
    404,
  );
  expect((await purge(id, confirmed, api().keys.demo.key)).status).toBe(403);
  const download = await api().addExport();
  expect((await change(download.id, { legalHold: true })).status).toBe(404);
});
