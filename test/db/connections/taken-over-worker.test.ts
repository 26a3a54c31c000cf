import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import type { PoolClient } from 'pg';
import { refusalCode } from '../../support/database/refusal-code.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  seedWorkspace,
  startDeletion,
  startExport,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { deleteUsers } from '../../support/steps/restore.ts';

/** What an attacker with the worker's role cannot claim, because the database checks it. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const DENIED = '42501';
const REFUSED = '23001';

const ids = { export: '', running: '', done: '', backup: '', fresh: '', next: '' };

beforeAll(async () => {
  const workspace = await seedWorkspace(database(), 'taken', 50);
  const done = await deleteUsers(database(), steps, workspace, ['u-1', 'u-2']);
  Object.assign(ids, { done: done.jobId, backup: done.exportId });
  ids.export = await startExport(database(), workspace);
  ids.running = await startDeletion(database(), workspace, { ids: ['u-3', 'u-4', 'u-5'] });
  ids.fresh = (await steps.backUp(ids.running)).exportId;
  ids.next = await startDeletion(database(), workspace, { ids: ['u-6'] });
});

const codeOf = (text: string) => refusalCode(database(), 'worker', text);

const setJob = (set: string, id: string) => `UPDATE jobs SET ${set} WHERE id = '${id}'`;
const setExport = (set: string, id = ids.backup) => `UPDATE exports SET ${set} WHERE id = '${id}'`;
const chunk = (columns = '', values = '') =>
  `INSERT INTO restore_chunks (job_id, part, restored, present, restored_ids${columns})
   VALUES ('${ids.done}', 1, 2, 0, '{u-1,u-2}'${values})`;
const line = (kind: string, key = 'NULL') =>
  `INSERT INTO activity (id, workspace_id, kind, actor_key_id, job_id)
   VALUES ('${uuidv7()}', 'taken', '${kind}', ${key}, '${ids.done}')`;

const MAY_NOT: [act: string, text: () => string, code: string][] = [
  ['make a deletion of an export', () => setJob(`type = 'deletion'`, ids.export), DENIED],
  ['move a job to a workspace', () => setJob(`workspace_id = 'taken'`, ids.running), DENIED],
  ['choose others', () => setJob(`selection = '{"type": "ids", "count": 9}'`, ids.running), DENIED],
  ['say who asked', () => setJob('actor_key_id = NULL', ids.done), DENIED],
  [
    'make a restore of an ended deletion',
    () => setJob(`backup_id = '${ids.backup}'`, ids.done),
    DENIED,
  ],
  ['say what a job retries', () => setJob('retry_of = NULL', ids.running), DENIED],
  ['say when a job was asked', () => setJob(`created_at = now()`, ids.running), DENIED],
  ['erase a job', () => setJob(`erased_at = now()`, ids.done), DENIED],
  ['give an ended job another reason', () => setJob(`error_type = 'other'`, ids.done), REFUSED],
  ['give an ended job other counts', () => setJob(`reasons = '[1]'`, ids.done), REFUSED],
  ['exchange the attempt of a backup', () => setExport('attempt = 99'), REFUSED],
  ['forget the attempt of a backup', () => setExport('attempt = NULL'), REFUSED],
  ['say that a backup holds fewer', () => setExport('rows = 1'), REFUSED],
  ['say that a backup is not written', () => setExport(`state = 'writing'`), REFUSED],
  ['say that a backup was verified sooner', () => setExport(`verified_at = now()`), REFUSED],
  ['let go of a backup', () => setExport('legal_hold = false'), DENIED],
  ['make a download of a backup', () => setExport(`purpose = 'download'`), DENIED],
  [
    'begin with a verified backup',
    () => `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, expires_at, state)
      VALUES ('${uuidv7()}', '${ids.running}', 'taken', 'backup', 2, 'zstd', now(), 'verified')`,
    DENIED,
  ],
  [
    'say when a snapshot was written down',
    () => `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint, recorded_in)
      VALUES ('${ids.fresh}', 2, '9999999:9999999:', '', '9999999')`,
    DENIED,
  ],
  [
    'write down a snapshot of the future',
    () => `INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
      VALUES ('${ids.fresh}', 2, '9999999:9999999:', '')`,
    '23514',
  ],
  [
    'say that a part has deleted',
    () => `INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256, deleted)
      VALUES ('${ids.fresh}', 1, 9, 1, 0, 0, '', 1)`,
    DENIED,
  ],
  ['restore in the name of a deletion', () => chunk(), REFUSED],
  ['say which transaction restored', () => chunk(', recorded_in', `, '1'`), DENIED],
  ['tell of an approval', () => line('deleteAllApprove'), REFUSED],
  ['tell of a purge', () => line('backupPurged'), REFUSED],
  ['tell of a hold', () => line('backupHeld'), REFUSED],
  [
    'tell of its work in the name of a key',
    () => line('deletionFinished', '(SELECT id FROM api_keys LIMIT 1)'),
    REFUSED,
  ],
];

test.each(MAY_NOT)('a taken-over worker may not %s', async (_act, text, code) => {
  expect(await codeOf(text())).toBe(code);
});

test('a deletion is admitted only if its backup states as many users as its parts hold', async () => {
  const code =
    await codeOf(`INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, expires_at)
      VALUES ('${ids.running}', '${ids.next}', 'taken', 'backup', 1, 'zstd', now() + interval '1 day');
    INSERT INTO export_attempts (export_id, attempt, snapshot, fingerprint)
      VALUES ('${ids.running}', 1, '3:3:', '');
    INSERT INTO export_parts (export_id, attempt, part, rows, raw_bytes, bytes, sha256, tids)
      VALUES ('${ids.running}', 1, 1, 2, 1, 1, '', '{"(0,1)","(0,2)"}');
    UPDATE exports SET state = 'written', attempt = 1, rows = 1 WHERE id = '${ids.running}';
    SELECT admit_deletion('${ids.running}')`);
  expect(code).toBe('KS001');
});

const DELETE_ONE = () => `SELECT delete_backed_up_users('${ids.fresh}', 1, 0, 1)`;

/** A trigger that waits for the end of the transaction, then deletes the users that it may. */
const setTrap = async (client: PoolClient): Promise<void> => {
  await client.query(setJob(`phase = 'deleting'`, ids.running));
  await client.query(`SELECT admit_deletion('${ids.fresh}');
    CREATE TEMP TABLE bait (n int);
    CREATE FUNCTION pg_temp.spring() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
      DELETE FROM users WHERE workspace_id = 'taken';
      RETURN NULL;
    END $f$;
    CREATE CONSTRAINT TRIGGER spring AFTER INSERT ON bait DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION pg_temp.spring()`);
};

test('no trigger of the caller runs as the role that deletes', async () => {
  const client = await database().worker.pool.connect();
  try {
    await setTrap(client);
    await client.query('BEGIN; INSERT INTO bait VALUES (1)');
    await expect(client.query(DELETE_ONE())).rejects.toMatchObject({ code: 'KS004' });
    await client.query('ROLLBACK');
    expect(await codeOf(DELETE_ONE()), 'allowed where nothing waits').toBeUndefined();
  } finally {
    client.release(true);
  }
  expect(await countOf(database(), 'taken')).toBe(48);
});

test('the expiry of a backup may be set to 10 years from now, but not to infinity', async () => {
  const client = await database().api.pool.connect();
  await expect(client.query(setExport(`expires_at = 'infinity'`))).rejects.toMatchObject({
    code: REFUSED,
  });
  await client.query('BEGIN');
  await client.query(setExport(`expires_at = now() + interval '10 years'`));
  await client.query('ROLLBACK');
  client.release();
});
