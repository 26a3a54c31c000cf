import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../db/client.ts';
import {
  completeExport,
  ensureExport,
  markVerified,
  recordAttempt,
  recordPart,
} from '../../../db/exports/exports.ts';
import { holdSnapshot } from '../../../db/exports/held-snapshot.ts';
import { migrateForTests } from '../../support/database/migrate-for-tests.ts';
import { removeDataFolder } from '../../../local/postgres/postgres-place.ts';
import { startPostgres, type Postgres } from '../../../local/postgres/postgres.ts';
import { sendSignal } from '../../../local/processes/stop-process.ts';
import { BACKUP_DAYS } from '../../../rules/retention.ts';
import {
  closeTestDatabase,
  openTestDatabase,
  type TestDatabase,
} from '../../support/database/database.ts';
import {
  createDeletionSteps,
  inIndia,
  seedWorkspace,
  startDeletion,
  type DeletionSteps,
} from '../../support/steps/deletion.ts';
import { withoutChecks } from '../../support/steps/gate.ts';
import { expectInvariants } from '../../support/database/invariants.ts';
import { waitFor } from '../../support/wait.ts';

/**
 * After a crash (`pg_ctl -m immediate`), PostgreSQL has lost transaction ids that were not written
 * to disk, and assigns them again. A snapshot that saw such an id as ended treats all rows that are
 * written under it later as old.
 */

let dataDir: string;
let postgres: Postgres | undefined;
let database: TestDatabase;
let steps: DeletionSteps;

const asOwner = (statement: string, values?: unknown[]) =>
  database.owner.pool.query(statement, values);

/** One value of one row. */
const valueOf = async (query: string): Promise<unknown> =>
  Object.values((await asOwner(query)).rows[0] as object)[0];

/** Assigns ids that are then aborted. The aborts are written to the log without a flush. */
const ABORT_IDS = `DO $$ BEGIN
  FOR i IN 1..500 LOOP PERFORM pg_current_xact_id(); ROLLBACK; END LOOP; END $$`;

const nextId = async (): Promise<bigint> =>
  BigInt((await valueOf('SELECT pg_snapshot_xmax(pg_current_snapshot())::text')) as string);

/**
 * From here on, only data flushed by a commit reaches the disk. @returns a function that crashes
 * the server
 */
const stopWalWriter = async (): Promise<() => Promise<void>> => {
  const walWriter = Number(
    await valueOf(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'`),
  );
  sendSignal(walWriter, 'SIGSTOP');
  return async () => {
    const before = postgres?.pid() ?? 0;
    sendSignal(before, 'SIGQUIT');
    // A continued process would still write; the server would wait for a stopped process.
    sendSignal(walWriter, 'SIGKILL');
    await waitFor(async () => {
      expect(postgres?.pid()).not.toBe(before);
      await asOwner('SELECT');
    }, 100);
  };
};

/** Facts of a snapshot that were kept over the crash. */
interface Kept {
  workspaceId: string;
  jobId: string;
  exportId: string;
  snapshot: string;
  fingerprint: string;
  tids: string;
  /** The `recorded_in` of the row in `export_attempts`, which the crash removes. */
  recordedIn: string;
}

const startBackup = async (workspaceId: string) => {
  const workspace = await seedWorkspace(database, workspaceId, 10);
  const jobId = await startDeletion(database, workspace, { filter: inIndia, confirmed: 5 });
  const { id } = await ensureExport(database.app.db, {
    id: uuidv7(),
    jobId,
    workspaceId,
    purpose: 'backup',
    pass: 1,
    format: 'csv',
    compression: 'zstd',
    ttlDays: BACKUP_DAYS,
  });
  return { workspaceId, jobId, exportId: id };
};

/** A snapshot that saw the aborted ids, and its row, none of which reaches the disk. */
const keepSnapshot = async (of: Awaited<ReturnType<typeof startBackup>>): Promise<Kept> => {
  const { client, snapshot, fingerprint } = await holdSnapshot(database.app.pool, of.workspaceId);
  const { rows } = await client.query<{ tids: string }>(
    `SELECT array_agg(ctid)::text AS tids FROM "users_${of.workspaceId}" WHERE country = 'IN'`,
  );
  client.release(true);
  const { rows: recorded } = await asOwner(
    `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
     VALUES ($1, 1, $2, $3) RETURNING recorded_in::text AS id`,
    [of.exportId, snapshot, fingerprint],
  );
  const recordedIn = (recorded as { id: string }[])[0]!.id;
  return { ...of, snapshot, fingerprint, tids: rows[0]!.tids, recordedIn };
};

let backedUp: { jobId: string; exportId: string };
let keptInMemory: Kept;
let keptInCopy: Kept;
/** The first id that was not assigned before the crash. */
let firstFresh: bigint;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'keepsake-reused-'));
  // Settings without which the server would flush the log on its own.
  const settings = { autovacuum: 'off', bgwriter_lru_maxpages: '0' };
  postgres = await startPostgres({ dataDir, settings });
  await migrateForTests(postgres.url);
  const { url } = postgres;
  database = {
    ...openTestDatabase(url),
    owner: openDatabase(url, { maxConnections: 1 }),
  };
  steps = await createDeletionSteps(database);
  const memory = await startBackup('memory');
  const copy = await startBackup('copy');
  const workspace = await seedWorkspace(database, 'backed-up', 10);
  const jobId = await startDeletion(database, workspace, { filter: inIndia, confirmed: 5 });

  const crash = await stopWalWriter();
  await asOwner(ABORT_IDS);
  backedUp = { jobId, exportId: (await steps.backUp(jobId)).exportId };
  await asOwner('SET synchronous_commit = off');
  await asOwner(ABORT_IDS);
  keptInMemory = await keepSnapshot(memory);
  keptInCopy = await keepSnapshot(copy);
  firstFresh = await nextId();
  await crash();
});

afterAll(async () => {
  await closeTestDatabase(database);
  await postgres?.stop();
  removeDataFolder(dataDir);
});

/** Inserts a newcomer under an id that was assigned before the crash, at the row id of u-2. */
const replaceUser = async (workspaceId: string): Promise<void> => {
  await asOwner(`DELETE FROM users WHERE workspace_id = $1 AND user_id = 'u-2'`, [workspaceId]);
  await asOwner(`VACUUM "users_${workspaceId}"`);
  await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ($1, 'new')`, [workspaceId]);
  const { rows } = await asOwner(`SELECT ctid FROM "users_${workspaceId}" WHERE user_id = 'new'`);
  expect(rows).toEqual([{ ctid: '(0,2)' }]);
  expect(await nextId()).toBeLessThan(firstFresh);
};

test('after a crash, PostgreSQL reuses transaction ids, but none from before a recorded snapshot', async () => {
  const recordedIn = await valueOf(
    `SELECT recorded_in::text FROM export_attempts WHERE export_id = '${backedUp.exportId}'`,
  );
  const next = await nextId();
  expect(next).toBeGreaterThan(BigInt(recordedIn as string));
  expect(next).toBeLessThan(firstFresh - 500n);
  const { rows } = await asOwner('SELECT export_id FROM export_attempts');
  expect(rows, 'the rows that were not flushed are gone').toEqual([
    { export_id: backedUp.exportId },
  ]);
});

test('after a crash, a verified backup deletes only the users that it holds, not users written later with a reused transaction id', async () => {
  const { jobId, exportId } = backedUp;
  await replaceUser('backed-up');
  await asOwner(
    `UPDATE users SET city = 'Pune' WHERE workspace_id = 'backed-up' AND user_id = 'u-4'`,
  );
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 3 });
  expect(await steps.settle(jobId, 1)).toMatchObject({ changed: 1 });
  const second = await steps.backUp(jobId, 2);
  expect(await steps.remove(jobId, second.exportId)).toEqual({ deleted: 1 });
  await steps.settle(jobId, 2);
  const end = { kind: 'completed' } as const;
  expect(await steps.finish({ jobId, end })).toMatchObject({ state: 'succeeded', failures: 0 });
  const { owner } = database;
  const { storageDir } = steps;
  await expectInvariants({ owner, storageDir, workspaceId: 'backed-up', users: 11 });
});

/** Makes the kept snapshot's attempt the export's own, as without a crash. */
const completeBackup = async ({ exportId, tids }: Kept): Promise<void> => {
  const { db } = database.app;
  const facts = { rows: 5, raw_bytes: 1, bytes: 1, sha256: '' };
  await recordPart(db, { export_id: exportId, attempt: 1, part: 1, tids, ...facts });
  await db
    .transaction()
    .execute((trx) => completeExport(trx, { exportId, attempt: 1, rows: 5, bytes: 1, sha256: '' }));
  await markVerified(db, { exportId, attempt: 1 });
};

/** @returns whether the newcomer, a user in no backup, was deleted */
const deleteBy = async ({ workspaceId, jobId, exportId }: Kept): Promise<boolean> => {
  await steps.enter(jobId, 'deleting');
  await steps.admit(exportId);
  const batch = database.app.pool.query('SELECT delete_backed_up_users($1, 1, 0, 1000)', [
    exportId,
  ]);
  await batch.catch((error: { code: string }) => {
    if (error.code !== 'KS001') throw error;
  });
  const found = `SELECT FROM users WHERE workspace_id = $1 AND user_id = 'new'`;
  return (await asOwner(found, [workspaceId])).rowCount === 0;
};

test('no user is deleted by a snapshot from a copy; without the check of its origin, a user is', async () => {
  const { workspaceId, exportId, snapshot, fingerprint, recordedIn } = keptInCopy;
  await replaceUser(workspaceId);
  await asOwner('INSERT INTO export_attempts VALUES ($1, 1, $2, $3, $4)', [
    exportId,
    snapshot,
    fingerprint,
    recordedIn,
  ]);
  await completeBackup(keptInCopy);
  expect(await deleteBy(keptInCopy)).toBe(false);
  const origin = ['AND a.xmin = a.recorded_in::xid', ''] as [string, string];
  const isLost = withoutChecks(database.owner, [origin], () => deleteBy(keptInCopy));
  expect(await isLost).toBe(true);
});

test('a snapshot kept in memory cannot be recorded again; without the constraint, a user is deleted', async () => {
  const { workspaceId, exportId, snapshot, fingerprint } = keptInMemory;
  await replaceUser(workspaceId);
  const record = () => recordAttempt(database.app.db, { exportId, snapshot, fingerprint });
  const refusal = { code: '23514', constraint: 'recorded_after_snapshot' };
  await expect(record()).rejects.toMatchObject(refusal);
  await asOwner('ALTER TABLE export_attempts DROP CONSTRAINT recorded_after_snapshot');
  await record();
  await completeBackup(keptInMemory);
  expect(await deleteBy(keptInMemory)).toBe(true);
});
