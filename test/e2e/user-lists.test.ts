import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { readHistory } from '../support/steps/histories.ts';
import { useSharedStack } from '../support/stack/stack.ts';

const stack = useSharedStack();

const CANARY = 'canary';
const COUNT = 300;

/** Users `canary-1` … with email addresses; the last two share an address. */
const workspaceWithUsers = async (id: string): Promise<ApiClient> => {
  const admin = await stack().workspace(id);
  await stack().sql(
    `INSERT INTO users (workspace_id, user_id, email)
     SELECT $1, '${CANARY}-' || n, '${CANARY}' || least(n, ${COUNT - 1}) || '@Mail.example'
       FROM generate_series(1, ${COUNT}) n`,
    [id],
  );
  return admin;
};

interface Told {
  workflow: { id: string };
}

interface Preview {
  id: string;
  count: number;
  notFound: number;
  ambiguous: number;
}

test('the users of a list are exported, deleted and restored, and no history or mail names them', async () => {
  const admin = await workspaceWithUsers('listed');
  const mails = Array.from({ length: COUNT / 2 }, (_, n) => `${CANARY}${n + 1}@mail.EXAMPLE`);
  const others = [`${CANARY}${COUNT - 1}@mail.example`, `${CANARY}@nowhere.example`];
  const file = ['\uFEFFname;email', ...[...mails, ...others].map((mail) => `x;${mail}`)].join(
    '\r\n',
  );
  const list = await admin.uploadList(new Blob([gzipSync(file)]));
  expect(list).toMatchObject({ matchBy: 'email', entries: COUNT / 2 + 2, repeated: 0 });
  const selection = { type: 'list', listId: list.id };

  const { id: exportId } = await admin.succeed<Job>('POST', '/v1/exports', {
    selection,
    columns: ['userId'],
    compression: 'none',
    spreadsheetSafe: false,
  });
  expect(await admin.finish(exportId)).toMatchObject({
    state: 'succeeded',
    counts: { selected: COUNT / 2 + 2, exported: COUNT / 2, notFound: 2 },
  });
  const lines = (await admin.download(`/v1/exports/${exportId}/file`))
    .toString()
    .trim()
    .split('\n');
  expect(lines).toHaveLength(COUNT / 2 + 1);

  const preview = await admin.succeed<Preview>('POST', '/v1/deletion-previews', { selection });
  expect(preview).toMatchObject({ count: COUNT / 2, notFound: 1, ambiguous: 1 });
  const { id } = await admin.succeed<Job>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: preview.count },
    reason: 'they left',
  });
  const deletion = await admin.finish(id);
  expect(deletion).toMatchObject({
    state: 'succeeded',
    selection: { type: 'list', listId: list.id, count: COUNT / 2 },
    counts: { selected: COUNT / 2, deleted: COUNT / 2 },
  });

  const log = await admin.download(`/v1/deletions/${id}/log`);
  const gone = await admin.uploadList(new Blob([log]));
  expect(gone).toMatchObject({ matchBy: 'userId', entries: COUNT / 2 });
  const backupId = deletion.result?.backups?.[0]?.id ?? '';
  const { id: restoreId } = await admin.succeed<Job>('POST', `/v1/backups/${backupId}/restores`, {
    listId: gone.id,
  });
  expect(await admin.finish(restoreId)).toMatchObject({
    state: 'succeeded',
    counts: { selected: COUNT / 2, restored: COUNT / 2, notFound: 0 },
  });

  // The same list again: users that the deletion did not delete are not in the backup.
  const { id: again } = await admin.succeed<Job>('POST', `/v1/backups/${backupId}/restores`, {
    listId: list.id,
  });
  expect(await admin.finish(again)).toMatchObject({
    state: 'succeeded',
    counts: { selected: COUNT / 2 + 2, restored: 0, present: COUNT / 2, notFound: 2 },
  });

  for (const jobId of [exportId, id, restoreId, again]) {
    const { workflow } = await admin.succeed<Told>('GET', `/v1/jobs/${jobId}`);
    const handle = stack().temporal.workflow.getHandle(workflow.id);
    await handle.result();
    const history = await readHistory(handle);
    expect(history).not.toContain(CANARY);
    expect(history).not.toContain(list.id);
  }
  const mailed = (await stack().mails()).filter(({ text }) => text?.includes(id));
  expect(mailed).not.toHaveLength(0);
  expect(JSON.stringify(mailed)).not.toContain(CANARY);
});

test('users are deleted and restored by the same list of email addresses', async () => {
  const admin = await workspaceWithUsers('mailed');
  const addresses = [1, 2, 3].map((n) => `${CANARY}${n}@MAIL.example`);
  const list = await admin.uploadList(
    new Blob([['email', ...addresses, `=${CANARY}@mail.example`].join('\n')]),
  );
  const preview = await admin.succeed<Preview>('POST', '/v1/deletion-previews', {
    selection: { type: 'list', listId: list.id },
  });
  const { id } = await admin.succeed<Job>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: 3 },
    reason: 'they left',
  });
  const deletion = await admin.finish(id);
  const backupId = deletion.result?.backups?.[0]?.id ?? '';
  const { id: restoreId } = await admin.succeed<Job>('POST', `/v1/backups/${backupId}/restores`, {
    listId: list.id,
  });
  expect(await admin.finish(restoreId)).toMatchObject({
    state: 'succeeded',
    counts: { selected: 4, restored: 3, present: 0, notFound: 1, failed: 0, unprocessed: 0 },
  });
  const log = await admin.download(`/v1/restores/${restoreId}/log?spreadsheetSafe=false`);
  expect(log.toString().trim().split('\n').toSorted()).toEqual(
    [
      ...[1, 2, 3].map((n) => `${CANARY}-${n},restored,`),
      `mailto:=${CANARY}@mail.example,notFound,notDeleted`,
      'userId,outcome,reason',
    ].toSorted(),
  );
  const { workflow } = await admin.succeed<Told>('GET', `/v1/jobs/${restoreId}`);
  const handle = stack().temporal.workflow.getHandle(workflow.id);
  await handle.result();
  const history = await readHistory(handle);
  expect(history).not.toContain(CANARY);
  // Also for few users, because the look-up takes as long as reading the whole backup.
  expect(history).toMatch(/"activityType":\s*{\s*"name":\s*"verifyBackup"/);
  const [users] = await stack().sql<{ n: number }>(
    `SELECT count(*)::int AS n FROM users WHERE workspace_id = 'mailed'`,
  );
  expect(users?.n).toBe(COUNT);
  expect(JSON.stringify(await stack().mails())).not.toContain(CANARY);
});
