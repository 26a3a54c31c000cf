import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { findApiKey, proofOf } from '../../../db/api-keys.ts';
import { decideRequest, submitDecision } from '../../../db/delete-all/decisions.ts';
import { findRequest } from '../../../db/delete-all/delete-all-requests.ts';
import {
  closeTestDatabase,
  openTestDatabase,
  type TestDatabase,
} from '../../support/database/database.ts';

/** A database of an earlier version: requests, approvals and deletions made there continue. */

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'db', 'migrations');
/** The last migration before the database decided on delete-all requests. */
const LAST_BEFORE = '0011';

const NAME = `keepsake_upgrade_${randomUUID().slice(0, 8)}`;
const KEYS = { ada: 'ks_ada', pia: 'ks_pia' };

const ids = {
  ada: randomUUID(),
  pia: randomUUID(),
  open: randomUUID(),
  asked: randomUUID(),
  running: randomUUID(),
  run: randomUUID(),
  slice: randomUUID(),
};
const backups = { run: randomUUID(), slice: randomUUID() };

let database: TestDatabase;

const asAdmin = async (statement: string): Promise<void> => {
  const client = new Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  await client.query(statement);
  await client.end();
};

const migrate = async (client: Client, isWanted: (name: string) => boolean): Promise<void> => {
  for (const name of readdirSync(FOLDER).toSorted()) {
    if (!isWanted(name.slice(0, 4))) continue;
    await client.query('BEGIN');
    await client.query(readFileSync(join(FOLDER, name), 'utf8'));
    await client.query('COMMIT');
  }
};

/** A deletion that has deleted this many of its backup's 100 users, all in one part. */
const insertDeletion = async (
  client: Client,
  { job, backup, parent }: { job: string; backup: string; parent: string | null },
  deleted: number,
): Promise<void> => {
  await client.query(
    `INSERT INTO jobs (id, workspace_id, type, state, phase, selection, actor_key_id, parent_id, finished_at)
     VALUES ($1, $2, 'deletion', $3, 'deleting', '{"type": "ids"}', $4, $5, $6)`,
    [
      job,
      parent === null ? 'sliced' : 'running',
      parent === null ? 'succeeded' : 'running',
      ids.ada,
      parent,
      parent === null ? new Date() : null,
    ],
  );
  await client.query(
    `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, state, attempt, rows, expires_at)
     SELECT $1, id, workspace_id, 'backup', 1, 'zstd', 'verified', 1, 100, now() + interval '1 day'
       FROM jobs WHERE id = $2`,
    [backup, job],
  );
  await client.query(
    `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint) VALUES ($1, 1, '1:1:', 'x')`,
    [backup],
  );
  await client.query(
    `INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256, cursor, deleted)
     VALUES ($1, 1, 1, 100, 1, 1, '', $2, $2)`,
    [backup, deleted],
  );
  await client.query(
    `INSERT INTO deletion_batches (export_id, attempt, part, cursor, deleted_ids) VALUES ($1, 1, 1, 0, '{}')`,
    [backup],
  );
};

const insertRequest = (client: Client, workspace: string, id: string, state: string) =>
  client.query(
    `INSERT INTO delete_all_requests (id, workspace_id, requester_key_id, reason, state, users_then,
       created_at, asked_at, lapses_at, opens_at, closes_at, run_id)
     SELECT $1, $2, $3, 'over', $4, 100, now() - interval '1 hour', now() - interval '1 hour',
            now() + interval '13 days', o.at, o.at + interval '90 minutes', 'its-run'
       FROM (SELECT CASE $4 WHEN 'requested' THEN NULL ELSE now() - interval '30 minutes' END AS at) AS o`,
    [id, workspace, ids.ada, state],
  );

/** Writes the rows of the earlier version. */
const live = async (client: Client): Promise<void> => {
  for (const workspace of ['open', 'asked', 'running', 'sliced']) {
    await client.query('SELECT create_workspace($1, $1)', [workspace]);
    await client.query(
      `INSERT INTO users (workspace_id, user_id, created_at)
       SELECT $1, 'u-' || n, now() - interval '20 days' FROM generate_series(1, 20) n`,
      [workspace],
    );
  }
  for (const [id, role, workspace, name] of [
    [ids.ada, 'admin', 'open', 'ada'],
    [ids.pia, 'platform', null, 'pia'],
  ] as const) {
    await client.query(
      `INSERT INTO api_keys (id, role, workspace_id, owner_name, owner_email, hash)
       VALUES ($1, $2, $3, $4, $4 || '@keys.example', $5)`,
      [id, role, workspace, name, createHash('sha256').update(KEYS[name]).digest()],
    );
  }
  await insertRequest(client, 'open', ids.open, 'open');
  await insertRequest(client, 'asked', ids.asked, 'requested');
  await insertRequest(client, 'running', ids.running, 'open');
  await insertDeletion(client, { job: ids.run, backup: backups.run, parent: ids.running }, 50);
  await client.query(
    `UPDATE delete_all_requests SET state = 'running', job_id = $2 WHERE id = $1`,
    [ids.running, ids.run],
  );
  await insertDeletion(client, { job: ids.slice, backup: backups.slice, parent: null }, 80);
};

beforeAll(async () => {
  await asAdmin(`CREATE DATABASE ${NAME} TEMPLATE template0 ENCODING 'UTF8'`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${NAME}`;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  await migrate(client, (number) => number <= LAST_BEFORE);
  await live(client);
  await migrate(client, (number) => number > LAST_BEFORE);
  await client.end();
  database = openTestDatabase(url.href);
});

afterAll(async () => {
  await closeTestDatabase(database);
  await asAdmin(`DROP DATABASE IF EXISTS ${NAME} WITH (FORCE)`);
});

test('keys from before the upgrade stay valid', async () => {
  const { db } = database.app;
  expect(await findApiKey(db, KEYS.pia)).toMatchObject({ id: ids.pia, role: 'platform' });
  expect(await findApiKey(db, 'ks_other')).toBeUndefined();
});

test('an open window keeps its times after the upgrade, and only the run of its workflow revokes it', async () => {
  const { db } = database.app;
  const before = await findRequest(db, ids.open, null);
  const { opens_at: opensAt, closes_at: closesAt } = before ?? {};
  expect(closesAt!.getTime() - opensAt!.getTime()).toBe(90 * 60_000);
  const id = randomUUID();
  const written = { id, requestId: ids.open, kind: 'revoke', proof: proofOf(KEYS.pia) } as const;
  expect(await submitDecision(db, written)).toBe('pending');
  const decision = { requestId: ids.open, kind: 'revoke', tryId: randomUUID() } as const;
  const none = { keyId: null, reason: null, refusal: null };
  const another = { ...decision, ...none, decisionId: id, runId: 'another' };
  await expect(decideRequest(db, another)).rejects.toMatchObject({ code: 'KS014' });
  expect(await decideRequest(db, { ...another, runId: 'its-run' })).toBeNull();
  expect(await findRequest(db, ids.open, null)).toMatchObject({ state: 'revoked' });
});

test('a pending request is approved for a window of the length that is set now', async () => {
  const { db } = database.app;
  const id = randomUUID();
  const written = { id, requestId: ids.asked, kind: 'approve', proof: proofOf(KEYS.pia) } as const;
  expect(await submitDecision(db, written)).toBe('pending');
  const decision = { requestId: ids.asked, kind: 'approve', tryId: randomUUID() } as const;
  const rest = { runId: 'its-run', decisionId: id, keyId: null, reason: null, refusal: null };
  expect(await decideRequest(db, { ...decision, ...rest })).toBeNull();
  const { opens_at: opensAt, closes_at: closesAt } = (await findRequest(db, ids.asked, null))!;
  expect(closesAt!.getTime() - opensAt!.getTime()).toBe(3 * 86_400_000);
});

test('deletions that had begun are admitted: a run without a count, another deletion with a count', async () => {
  const { rows } = await database.app.pool.query(
    `SELECT export_id, is_approved, is_approved_run(job_id) AS is_run, rows_so_far
       FROM admitted_deletions ORDER BY is_approved`,
  );
  expect(rows).toEqual([
    { export_id: backups.slice, is_approved: false, is_run: false, rows_so_far: 100 },
    { export_id: backups.run, is_approved: true, is_run: true, rows_so_far: 0 },
  ]);
  const refuse = (last: number) =>
    database.app.pool.query(
      `SELECT refuse_deletion_of('sliced', ARRAY(SELECT 'u-' || n FROM generate_series(1, $1::int) n))`,
      [last],
    );
  // 80 of 100 were deleted before.
  await refuse(10);
  await expect(refuse(11)).rejects.toMatchObject({ code: 'KS008' });
});
