import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createApiKey, proofOf } from '../../../db/api-keys.ts';
import { refusalCode } from '../../support/database/refusal-code.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { deleteUsers } from '../../support/steps/restore.ts';

/** What an attacker with a role of the database can and cannot do. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const DENIED = '42501';
const REFUSED = '23001';

const ids = { queued: '', running: '', done: '', backup: '', export: uuidv7(), key: '' };
const none: Buffer = Buffer.alloc(0);
const proofs = { starter: none, platform: none, ops: none };

const makeKey = async (role: 'admin' | 'platform' | 'ops', name: string) => {
  const workspaceId = role === 'admin' ? 'roles' : null;
  const owner = { workspaceId, ownerName: name, ownerEmail: `${name}@example.com` };
  return createApiKey(database().owner.db, { role, ...owner });
};

beforeAll(async () => {
  const workspace = await seedWorkspace(database(), 'roles', 20);
  const done = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  ids.done = done.jobId;
  ids.backup = done.exportId;
  ids.key = workspace.keyId;
  ids.running = await startDeletion(database(), workspace, { ids: ['u-3'] });
  const { db } = database().owner;
  ids.queued = uuidv7();
  await database().owner.pool.query(
    `INSERT INTO jobs (id, workspace_id, type, selection, actor_key_id)
     VALUES ($1, 'roles', 'deletion', '{"type": "ids", "count": 1}', $2)`,
    [ids.queued, ids.key],
  );
  proofs.platform = proofOf((await makeKey('platform', 'pia')).key);
  proofs.ops = proofOf((await makeKey('ops', 'olu')).key);
  await db
    .updateTable('api_keys')
    .set({ owner_email: 'same@example.com' })
    .where('id', '=', ids.key)
    .execute();
  proofs.starter = proofOf((await makeKey('platform', 'same')).key);
});

const codeOf = (role: 'api' | 'worker', text: string) => refusalCode(database(), role, text);

const jobOf = (columns: string, values: string): string =>
  `INSERT INTO jobs (id, workspace_id, type, selection, actor_key_id, ${columns}) VALUES
     ('${uuidv7()}', 'roles', 'deletion', '{"type": "ids", "count": 1}', '${ids.key}', ${values})`;

const told = (kind: string, columns = '', values = ''): string =>
  `INSERT INTO activity (id, workspace_id, kind, job_id${columns}) VALUES
     ('${uuidv7()}', 'roles', '${kind}', '${ids.running}'${values})`;

const API_MAY_NOT: [act: string, text: () => string, code: string][] = [
  ['delete a user', () => `DELETE FROM users WHERE user_id = 'u-5'`, DENIED],
  ['delete by a backup', () => `SELECT delete_backed_up_users('${ids.backup}', 1, 0, 10)`, DENIED],
  ['rehearse a deletion', () => `SELECT rehearse_deletion('${ids.backup}', 1, 10)`, DENIED],
  ['admit a deletion', () => `SELECT admit_deletion('${ids.backup}')`, DENIED],
  [
    'say that a backup is there',
    () => `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, state, expires_at)
      VALUES ('${ids.export}', '${ids.running}', 'roles', 'backup', 1, 'zstd', 'verified', now() + '1 day')`,
    DENIED,
  ],
  ['say that a backup is whole', () => `UPDATE exports SET state = 'verified'`, DENIED],
  [
    'make up a snapshot',
    () => `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
      VALUES ('${ids.backup}', 9, pg_current_snapshot(), '')`,
    DENIED,
  ],
  [
    'make up a part',
    () => `INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256)
      VALUES ('${ids.backup}', 1, 9, 0, 0, 0, '')`,
    DENIED,
  ],
  [
    'remove a backup',
    () => `UPDATE exports SET state = 'removed', removed_at = now() WHERE id = '${ids.backup}'`,
    DENIED,
  ],
  [
    'let a backup expire sooner',
    () => `UPDATE exports SET expires_at = now() WHERE id = '${ids.backup}'`,
    REFUSED,
  ],
  [
    'erase the traces of a backup that is kept',
    () => `SELECT erase_export('${ids.backup}')`,
    'KS007',
  ],
  ['erase a job', () => `SELECT erase_job('${ids.done}')`, DENIED],
  ['erase jobs without files', () => 'SELECT erase_fruitless_jobs(10)', DENIED],
  ['begin a job that runs already', () => jobOf('state', `'running'`), DENIED],
  ['begin the run of a request', () => jobOf('parent_id', `'${uuidv7()}'`), DENIED],
  ['let a job run', () => `UPDATE jobs SET state = 'running' WHERE id = '${ids.queued}'`, REFUSED],
  ['move a job on', () => `UPDATE jobs SET phase = 'deleting' WHERE id = '${ids.running}'`, DENIED],
  [
    'end a job that runs',
    () => `UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = '${ids.running}'`,
    REFUSED,
  ],
  [
    'cancel a job and leave it unfinished',
    () => `UPDATE jobs SET state = 'cancelled' WHERE id = '${ids.queued}'`,
    REFUSED,
  ],
  [
    'say whom a job deleted that never began',
    () =>
      `UPDATE jobs SET state = 'failed', finished_at = now(), counts = '{"selected": 1, "deleted": 1}'
        WHERE id = '${ids.queued}'`,
    REFUSED,
  ],
  [
    'end a job that never began with counts that are none',
    () => `UPDATE jobs SET state = 'failed', finished_at = now(), counts = '{"deleted": "all"}'
        WHERE id = '${ids.queued}'`,
    REFUSED,
  ],
  [
    'say of a job that never began what is no count',
    () => `UPDATE jobs SET state = 'failed', finished_at = now(),
        counts = '{"selected": {"a": 1}, "unprocessed": {"a": 1}}' WHERE id = '${ids.queued}'`,
    REFUSED,
  ],
  [
    'count less than nobody',
    () => `UPDATE jobs SET state = 'failed', finished_at = now(),
        counts = '{"selected": -1, "unprocessed": -1}' WHERE id = '${ids.queued}'`,
    REFUSED,
  ],
  [
    'end a job at another time',
    () => `UPDATE jobs SET state = 'failed', finished_at = 'infinity' WHERE id = '${ids.queued}'`,
    REFUSED,
  ],
  [
    'end a job as the retry of another',
    () => `UPDATE jobs SET state = 'failed', finished_at = now(), retry_of = '${ids.done}'
        WHERE id = '${ids.queued}'`,
    REFUSED,
  ],
  [
    'change what a job came to',
    () => `UPDATE jobs SET counts = '{"deleted": 0}' WHERE id = '${ids.done}'`,
    REFUSED,
  ],
  [
    'give a running job other users',
    () => `INSERT INTO job_targets (job_id, pass, user_id) VALUES ('${ids.running}', 1, 'u-9')`,
    REFUSED,
  ],
  [
    'give a job users of a later pass',
    () => `INSERT INTO job_targets (job_id, pass, user_id) VALUES ('${ids.queued}', 2, 'u-9')`,
    REFUSED,
  ],
  [
    'say what became of users',
    () =>
      `INSERT INTO outcomes (job_id, user_id, outcome) VALUES ('${ids.done}', 'u-9', 'notFound')`,
    DENIED,
  ],
  [
    'ask for everyone by hand',
    () => `INSERT INTO delete_all_requests (id, workspace_id, requester_key_id, reason, users_then)
      VALUES ('${uuidv7()}', 'roles', '${ids.key}', 'r', 1)`,
    DENIED,
  ],
  [
    'decide',
    () =>
      `SELECT decide_request('${uuidv7()}', 'r', 'approve', '${uuidv7()}', NULL, NULL, NULL, NULL)`,
    DENIED,
  ],
  ['claim a request', () => `SELECT claim_request('${uuidv7()}', 'r')`, DENIED],
  ['tell of an end', () => told('deletionFinished'), REFUSED],
  ['tell of an approval', () => told('deleteAllApprove'), REFUSED],
  ['tell of a purge', () => told('backupPurged'), REFUSED],
  ['tell at another time', () => told('download', ', at', `, now() - interval '1 day'`), DENIED],
  ['change the log', () => `UPDATE activity SET kind = 'download'`, DENIED],
  [
    'make a key',
    () => `INSERT INTO api_keys (id, role, owner_name, owner_email, hash)
      VALUES ('${uuidv7()}', 'platform', 'x', 'x@example.com', '')`,
    DENIED,
  ],
  ['tell of a key', () => told('keyRevoked'), REFUSED],
  [
    'move a window',
    () => 'UPDATE delete_all_settings SET window_length = interval $$9 days$$',
    DENIED,
  ],
];

test.each(API_MAY_NOT)('the role of the API may not %s', async (_act, text, code) => {
  expect(await codeOf('api', text())).toBe(code);
});

const WORKER_MAY_NOT: typeof API_MAY_NOT = [
  ['delete a user', () => `DELETE FROM users WHERE user_id = 'u-5'`, DENIED],
  ['begin a job', () => jobOf('state', `'queued'`), DENIED],
  [
    'change how a job ended',
    () => `UPDATE jobs SET state = 'cancelled' WHERE id = '${ids.done}'`,
    REFUSED,
  ],
  [
    'remove a backup before its time',
    () => `UPDATE exports SET state = 'removed', removed_at = now() WHERE id = '${ids.backup}'`,
    REFUSED,
  ],
  [
    'let a backup expire sooner',
    () => `UPDATE exports SET expires_at = now() WHERE id = '${ids.backup}'`,
    DENIED,
  ],
  [
    'say that a backup was never verified',
    () => `UPDATE exports SET verified_at = NULL WHERE id = '${ids.backup}'`,
    REFUSED,
  ],
  [
    'add to a backup that a deletion was admitted by',
    () => `INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256)
      VALUES ('${ids.backup}', 1, 9, 0, 0, 0, '')`,
    REFUSED,
  ],
  ['purge a backup', () => `SELECT purge_backup('\\x00', '${ids.backup}', 'r')`, DENIED],
  [
    'ask for everyone',
    () => `SELECT ask_to_delete_all('\\x00', '${uuidv7()}', 'r', NULL, NULL, NULL)`,
    DENIED,
  ],
  [
    'hand in a decision',
    () =>
      `INSERT INTO decisions (id, request_id, kind) VALUES ('${uuidv7()}', '${uuidv7()}', 'approve')`,
    DENIED,
  ],
  ['change the log', () => `UPDATE activity SET kind = 'download'`, DENIED],
  [
    'make a key',
    () => `INSERT INTO api_keys (id, role, owner_name, owner_email, hash)
      VALUES ('${uuidv7()}', 'platform', 'x', 'x@example.com', '')`,
    DENIED,
  ],
  ['note the use of a key', () => `SELECT note_key_use('\\x00')`, DENIED],
];

test.each(WORKER_MAY_NOT)('the role of the worker may not %s', async (_act, text, code) => {
  expect(await codeOf('worker', text())).toBe(code);
});

test('the refusals are not errors of another kind: owner and API may run similar statements', async () => {
  const { pool } = database().owner;
  await expect(pool.query(`SELECT erase_fruitless_jobs(0)`)).resolves.toBeDefined();
  expect(await codeOf('api', jobOf('reason', `'r'`))).toBeUndefined();
  expect(
    await codeOf('api', `UPDATE exports SET expires_at = now() + interval '90 days'`),
  ).toBeUndefined();
  expect(
    await codeOf('api', `UPDATE jobs SET state = 'cancelling' WHERE id = '${ids.running}'`),
  ).toBeUndefined();
  expect(await codeOf('api', told('jobCancelled'))).toBeUndefined();
  expect(await codeOf('api', `SELECT note_key_use('\\x00')`)).toBeUndefined();
  expect(await countOf(database(), 'roles')).toBe(18);
});

test('a backup is purged only by the key of another person of the platform team', async () => {
  const purge = async (proof: Buffer) => {
    const { rows } = await database().api.pool.query<{ status: string }>(
      'SELECT status FROM purge_backup($1, $2, $3)',
      [proof, ids.backup, 'a request'],
    );
    return rows[0]?.status;
  };
  await expect(purge(Buffer.alloc(32))).rejects.toMatchObject({ code: 'KS012' });
  await expect(purge(proofs.ops)).rejects.toMatchObject({ code: 'KS012' });
  const { rows } = await database().owner.pool.query<{ hash: Buffer }>(
    `SELECT hash FROM api_keys WHERE role = 'platform' LIMIT 1`,
  );
  await expect(purge(rows[0]!.hash)).rejects.toMatchObject({ code: 'KS012' });
  expect(await purge(proofs.starter)).toBe('own');
  expect(await purge(proofs.platform)).toBe('removed');
  expect(await purge(proofs.platform)).toBe('gone');
});
