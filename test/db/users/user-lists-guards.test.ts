import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createListPreview } from '../../../db/deletions/previews.ts';
import {
  addEntries,
  beginUserList,
  completeUserList,
  eraseUserList,
} from '../../../db/users/user-lists.ts';
import { refusalCode } from '../../support/database/refusal-code.ts';
import { useDatabase } from '../../support/database/database.ts';
import { type SeededWorkspace, seedWorkspace } from '../../support/steps/deletion.ts';
import { countLockWaits } from '../../support/database/lock-waits.ts';

/** What an attacker with a role of the database can and cannot do to lists and previews. */

const database = useDatabase();

const DENIED = '42501';
const REFUSED = '23001';

let workspace: SeededWorkspace;
const list = { id: uuidv7(), workspaceId: 'guards', matchBy: 'userId' as const };
const open = { ...list, id: uuidv7() };
let previewId = '';

beforeAll(async () => {
  workspace = await seedWorkspace(database(), 'guards', 5);
  const { db } = database().api;
  const { keyId: actorKeyId } = workspace;
  for (const { id } of [list, open]) {
    await beginUserList(db, { ...list, id, actorKeyId });
    await addEntries(db, { ...list, id }, [{ line: 2, entry: 'u-1' }]);
  }
  await completeUserList(db, list, { entries: 1, repeated: 0, empty: 0 });
  const preview = await createListPreview(db, { workspaceId: 'guards', actorKeyId, list });
  previewId = preview.id;
  for (const [name, id] of Object.entries(jobs)) {
    await database().owner.pool.query(
      `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id)
       VALUES ($1, 'guards', $2, $3, '{"type": "list", "count": 1}', $4)`,
      [
        id,
        name === 'deletion' ? 'deletion' : 'restore',
        name === 'running' ? 'running' : 'queued',
        actorKeyId,
      ],
    );
  }
});

const codeOf = (role: 'api' | 'worker', text: string) => refusalCode(database(), role, text);

const entryFor = (id: string) =>
  `INSERT INTO user_list_entries (list_id, key, line, entry) VALUES ('${id}', 'u-2', 3, 'u-2')`;
const addressFor = (jobId: string) =>
  `INSERT INTO job_addresses VALUES ('${jobId}', 'a@x.example')`;
const jobs = { queued: uuidv7(), running: uuidv7(), deletion: uuidv7() };
const targetFor = (id: string) => `INSERT INTO preview_targets VALUES ('${id}', 'u-2')`;

test.each([
  ['add to a list that is complete', () => entryFor(list.id), REFUSED],
  ['add to a list that is none', () => entryFor(uuidv7()), REFUSED],
  [
    'open a complete list again',
    () => `UPDATE user_lists SET completed_at = NULL WHERE id = '${list.id}'`,
    REFUSED,
  ],
  ['keep a list for longer', () => `UPDATE user_lists SET expires_at = 'infinity'`, DENIED],
  ['move a list', () => `UPDATE user_lists SET match_by = 'email'`, DENIED],
  ['change an entry', () => `UPDATE user_list_entries SET key = 'u-2'`, DENIED],
  ['take an entry off a list', () => 'DELETE FROM user_list_entries', DENIED],
  ['add a user to a preview', () => targetFor(previewId), REFUSED],
  ['take a user off a preview', () => 'DELETE FROM preview_targets', DENIED],
  ['change a user of a preview', () => `UPDATE preview_targets SET user_id = 'u-2'`, DENIED],
  ['give a restore that runs another address', () => addressFor(jobs.running), REFUSED],
  ['give a deletion an address', () => addressFor(jobs.deletion), REFUSED],
  ['give no job an address', () => addressFor(uuidv7()), REFUSED],
  ['take an address off a restore', () => 'DELETE FROM job_addresses', DENIED],
  ['change an address of a restore', () => `UPDATE job_addresses SET address = 'x'`, DENIED],
  ['erase users of previews', () => 'SELECT erase_preview_targets()', DENIED],
])('the role of the API may not %s', async (_act, text, code) => {
  expect(await codeOf('api', text())).toBe(code);
});

test.each([
  ['read the entries of lists', () => 'SELECT FROM user_list_entries', DENIED],
  ['read the users of previews', () => 'SELECT FROM preview_targets', DENIED],
  ['add to a list', () => entryFor(open.id), DENIED],
  ['add a user to a preview', () => targetFor(uuidv7()), DENIED],
  ['give a restore an address', () => addressFor(jobs.queued), DENIED],
  ['change an address of a restore', () => `UPDATE job_addresses SET address = 'x'`, DENIED],
  [
    'make a list',
    () => `INSERT INTO user_lists (id, workspace_id, actor_key_id, match_by)
      VALUES ('${uuidv7()}', 'guards', '${workspace.keyId}', 'userId')`,
    DENIED,
  ],
])('the role of the worker may not %s', async (_act, text, code) => {
  expect(await codeOf('worker', text())).toBe(code);
});

test('the refusals are not errors of another kind: each role may run the statements that it needs', async () => {
  expect(await codeOf('api', entryFor(open.id))).toBeUndefined();
  expect(await codeOf('api', targetFor(uuidv7()))).toBeUndefined();
  expect(await codeOf('api', `SELECT require_user_list('${list.id}')`)).toBeUndefined();
  expect(await codeOf('api', `SELECT erase_user_list('${list.id}')`)).toBeUndefined();
  expect(await codeOf('api', addressFor(jobs.queued))).toBeUndefined();
  expect(await codeOf('api', 'SELECT FROM job_addresses')).toBeUndefined();
  expect(await codeOf('worker', 'SELECT FROM job_addresses')).toBeUndefined();
  expect(await codeOf('worker', 'DELETE FROM job_addresses')).toBeUndefined();
  expect(await codeOf('worker', `SELECT erase_user_list('${list.id}')`)).toBeUndefined();
  expect(await codeOf('worker', 'SELECT erase_preview_targets()')).toBeUndefined();
});

test('only API, worker and eraser have rights on the addresses of restores', async () => {
  const { rows } = await database().owner.pool.query(
    `SELECT DISTINCT grantee, privilege_type AS may FROM information_schema.role_table_grants
      WHERE table_name = 'job_addresses' AND grantee <>
        (SELECT tableowner FROM pg_tables WHERE tablename = 'job_addresses') ORDER BY 1, 2`,
  );
  expect(rows.map(({ grantee, may }) => `${grantee} ${may}`)).toEqual([
    'keepsake_api INSERT',
    'keepsake_api SELECT',
    'keepsake_eraser DELETE',
    'keepsake_eraser SELECT',
    'keepsake_worker DELETE',
    'keepsake_worker SELECT',
  ]);
});

test.each(['erases', 'completes'])(
  'a statement that %s a list waits for entries that are being written',
  async (what) => {
    const { db, pool } = database().api;
    const own = { ...list, id: uuidv7() };
    await beginUserList(db, { ...own, actorKeyId: workspace.keyId });
    await addEntries(db, own, [{ line: 2, entry: 'u-1' }]);
    const writer = await pool.connect();
    await writer.query('BEGIN');
    await writer.query(entryFor(own.id));
    let isDone = false;
    const other =
      what === 'erases'
        ? eraseUserList(db, own.id)
        : completeUserList(db, own, { entries: 2, repeated: 0, empty: 0 });
    const done = Promise.resolve(other).then(() => (isDone = true));
    await expect.poll(() => countLockWaits(database().owner.pool)).toBe(1);
    expect(isDone).toBe(false);
    await writer.query('COMMIT');
    writer.release();
    await done;
    const { rowCount } = await database().owner.pool.query(
      'SELECT FROM user_list_entries WHERE list_id = $1',
      [own.id],
    );
    expect(rowCount).toBe(what === 'erases' ? 0 : 2);
  },
);
