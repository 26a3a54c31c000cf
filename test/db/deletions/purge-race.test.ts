import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createApiKey, proofOf } from '../../../db/api-keys.ts';
import { changeBackup } from '../../../db/exports/backup-changes.ts';
import type { Db } from '../../../db/client.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { expireExport, listDueExports, purgeBackup } from '../../../db/exports/removals.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';
import { useDatabase } from '../../support/database/database.ts';
import { makeExport, makeJob } from '../../support/steps/export-rows.ts';
import { seedWorkspace } from '../../support/steps/deletion.ts';
import { waitFor } from '../../support/wait.ts';

const database = useDatabase();
let keyId: string;
/** The proof of another person than the person that started the deletions. */
let proof: Buffer;

beforeAll(async () => {
  ({ keyId } = await seedWorkspace(database(), 'race', 0));
  const pia = { role: 'platform', workspaceId: null, ownerName: 'Pia' } as const;
  const made = await createApiKey(database().owner.db, { ...pia, ownerEmail: 'pia@example.com' });
  proof = proofOf(made.key);
});

const DAY_MS = 86_400_000;

const query = async (text: string, values: unknown[] = []) =>
  (await database().owner.pool.query(text, values)).rows;

/** A verified backup of an ended deletion, optionally one that expired long ago. */
const makeBackup = async (isExpired = false) => {
  const { db } = database().owner;
  const jobId = await makeJob(db, { workspaceId: 'race', keyId, type: 'deletion' });
  const expiresAt = new Date(Date.now() + (isExpired ? -DAY_MS : DAY_MS));
  const of = { jobId, workspaceId: 'race', purpose: 'backup', expiresAt } as const;
  const { id } = await makeExport({ db }, of);
  await query(`UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1`, [jobId]);
  return { id, jobId };
};

const restoreFrom = (backupId: string) =>
  insertJob(database().app.db, {
    id: uuidv7(),
    workspaceId: 'race',
    type: 'restore',
    selection: { type: 'all' },
    options: {},
    actorKeyId: keyId,
    backupId,
  });

const purge = (id: string, db: Db = database().app.db) =>
  db.transaction().execute((trx) => purgeBackup(trx, { id, proof, reason: 'a request' }));

const stateOf = async (id: string) =>
  (await query('SELECT state FROM exports WHERE id = $1', [id]))[0].state as string;

const usersOf = async (id: string) =>
  (await query('SELECT id FROM jobs WHERE backup_id = $1', [id])).length;

/**
 * The result of an operation that begins while another transaction is open, and whether that
 * transaction blocks it.
 */
const whileOpen = async <Result>(statements: string, wait: () => Promise<Result>) => {
  const client = await database().owner.pool.connect();
  await client.query(`BEGIN; ${statements}`);
  let isDone = false;
  const result = wait().finally(() => (isDone = true));
  result.catch(() => {});
  await waitFor(async () => {
    if (!isDone) expect(await countLockWaits(database().owner.pool)).toBe(1);
  });
  const wasHeldUp = !isDone;
  await client.query('COMMIT');
  client.release();
  return { wasHeldUp, result };
};

test('a purge waits for a restore that is being written, and then leaves the backup', async () => {
  const { id } = await makeBackup();
  const jobId = uuidv7();
  const { wasHeldUp, result } = await whileOpen(
    `INSERT INTO jobs (id, workspace_id, type, selection, actor_key_id, backup_id)
     VALUES ('${jobId}', 'race', 'restore', '{"type":"all"}', '${keyId}', '${id}')`,
    () => purge(id),
  );
  expect(wasHeldUp).toBe(true);
  expect(await result).toEqual({ status: 'inUse', jobId });
  expect(await stateOf(id)).toBe('verified');
});

test('a restore waits while its backup is being removed, and is then refused', async () => {
  const { id } = await makeBackup();
  const { wasHeldUp, result } = await whileOpen(
    `UPDATE exports SET state = 'removed', removed_at = now() WHERE id = '${id}'`,
    () => restoreFrom(id),
  );
  expect(wasHeldUp).toBe(true);
  await expect(result).rejects.toMatchObject({ code: 'KS006' });
  expect(await usersOf(id)).toBe(0);
});

test('of a purge and a restore at the same time, exactly one succeeds', async () => {
  for (let round = 0; round < 40; round++) {
    const { id } = await makeBackup();
    const sides = [() => restoreFrom(id).catch(() => false), () => purge(id)] as const;
    await Promise.all(
      round % 2 === 0 ? sides.map((side) => side()) : sides.toReversed().map((side) => side()),
    );
    const isRemoved = (await stateOf(id)) === 'removed';
    expect({ round, isRemoved, users: await usersOf(id) }).toEqual({
      round,
      isRemoved,
      users: isRemoved ? 0 : 1,
    });
  }
});

test('an open batch of a deletion or restore delays the purge of its backup, and prevents its expiry', async () => {
  const { id } = await makeBackup(true);
  const batch = `SELECT FROM exports WHERE id = '${id}' FOR SHARE`;
  const expiry = await whileOpen(batch, () => expireExport(database().app.db, id));
  expect(await expiry.result).toBe(false);
  const { wasHeldUp, result } = await whileOpen(batch, () => purge(id));
  expect(wasHeldUp).toBe(true);
  expect(await result).toEqual({ status: 'removed' });
});

test('a backup neither expires nor is purged before its deletion and all its restores have ended', async () => {
  const { db } = database().app;
  const { id, jobId } = await makeBackup(true);
  await restoreFrom(id);
  const listed = async () => (await listDueExports(db, 100)).map((row) => row.id).includes(id);
  for (const unfinished of [jobId, null]) {
    await query('UPDATE jobs SET finished_at = now() WHERE id = $1 OR backup_id = $2', [jobId, id]);
    await query(
      'UPDATE jobs SET finished_at = NULL WHERE id = $1 OR ($1 IS NULL AND backup_id = $2)',
      [unfinished, id],
    );
    expect([await listed(), await expireExport(db, id)]).toEqual([false, false]);
    expect(await purge(id)).toMatchObject({ status: 'inUse' });
  }
  await query('UPDATE jobs SET finished_at = now() WHERE backup_id = $1', [id]);
  expect([await listed(), await expireExport(db, id), await expireExport(db, id)]).toEqual([
    true,
    true,
    false,
  ]);
});

test('a hold at the same time as a purge either prevents the purge or is refused', async () => {
  const hold = (id: string) =>
    database()
      .app.db.transaction()
      .execute((trx) => changeBackup(trx, { id, actorKeyId: keyId, legalHold: true }));
  for (let round = 0; round < 20; round++) {
    const { id } = await makeBackup();
    const [held, purged] = await Promise.all([hold(id), purge(id)]);
    expect([
      ['changed', 'held', 'verified'],
      ['gone', 'removed', 'removed'],
    ]).toContainEqual([held, purged.status, await stateOf(id)]);
  }
  const { id } = await makeBackup();
  await hold(id);
  await query(`UPDATE exports SET expires_at = now() - interval '1 day' WHERE id = $1`, [id]);
  expect(await expireExport(database().app.db, id)).toBe(false);
  await expect(
    query(`UPDATE exports SET state = 'removed', removed_at = now() WHERE id = $1`, [id]),
  ).rejects.toMatchObject({ code: '23514' });
});
