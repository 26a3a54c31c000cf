import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { createApiKey } from '../../db/api-keys.ts';
import { openDatabase } from '../../db/client.ts';
import { createWorkspace } from '../../db/workspaces.ts';
import { formatUsers } from '../../files/format.ts';
import { createApiClient, type ApiClient } from '../api-client.ts';
import { addUsers } from './demo-add-users.ts';
import { check, runStep } from './demo-progress.ts';
import { differing, gzippedCsv, type Records, recordsIn } from './demo-records.ts';
import { chooseSegment } from './demo-segment.ts';
import type { OutboxMail } from '../outbox/outbox-mails.ts';
import type { Stack } from '../stack.ts';

/** What the steps use of the stack: where its parts are. */
type Running = Pick<Stack, 'info'>;

const OWNER_EMAIL = 'ada.admin@example.com';

/** One of so many users is edited. */
const EDITED_SHARE = 100;
const EDITED_CITY = 'Kyōto, "old capital"';

/** The source of the demo's users. */
export interface Source {
  properties: readonly { name: string; type: string }[];
  users: () => AsyncIterable<unknown> | Iterable<unknown>;
  rows: number;
}

export const runDemo = async (
  stack: Running,
  { properties, users, rows }: Source,
): Promise<void> => {
  const admin = await openWorkspace(stack);
  for (const property of properties) await admin.succeed('POST', '/v1/properties', property);
  const added = await runStep('Add users through the API', ({ show }) =>
    addUsers(admin, users(), (done) => show(done, rows)),
  );
  check('users in the workspace', await countUsers(admin), added);
  const first = await exportAll(stack, admin, { title: 'Export all users', expected: added });
  const before = await importEdited(stack, admin, first);
  const backupId = await deleteSegment(stack, admin, before);
  await restoreBackup(stack, admin, backupId);
  const title = 'Export all users once more';
  const after = await exportAll(stack, admin, { title, expected: added });
  check('users that differ from before the deletion', (await differing(before, after)).length, 0);
};

const openWorkspace = async (stack: Running): Promise<ApiClient> => {
  const { db, close } = openDatabase(stack.info().databaseUrl, { maxConnections: 1 });
  await createWorkspace(db, { id: 'demo', name: 'Demo' });
  const { key } = await createApiKey(db, {
    role: 'admin',
    workspaceId: 'demo',
    ownerName: 'Ada Admin',
    ownerEmail: OWNER_EMAIL,
  });
  await close();
  return createApiClient(stack.info().api, key);
};

const countUsers = async (admin: ApiClient): Promise<number> =>
  (await admin.succeed<{ count: number }>('GET', '/v1/users?limit=1&count=exact')).count;

const exportAll = async (
  stack: Running,
  admin: ApiClient,
  { title, expected }: { title: string; expected: number },
): Promise<Records> => {
  const job = await runStep(title, async ({ show }) => {
    // Not made safe for spreadsheets: the ids are compared with those of a backup.
    const body = { selection: { type: 'all' }, format: 'csv', spreadsheetSafe: false };
    const { id } = await admin.succeed<{ id: string }>('POST', '/v1/exports', body);
    return admin.finish(id, ({ progress }) => show(progress.processed ?? 0, progress.total));
  });
  check('export', job.state, 'succeeded');
  const file = await openMail(stack, job.id);
  check('SHA-256 of the mailed file', digestOf(file), job.result?.sha256);
  const records = await recordsIn(await promisify(gunzip)(file), 'userId');
  check('users in the file', records.size, expected);
  return records;
};

/** The file behind the link of the mail about a job. */
const openMail = async (stack: Running, jobId: string): Promise<Buffer> => {
  const { text } = await findMail(stack, jobId);
  const link = /https?:\/\/\S+\/d\/[\w.-]+/.exec(text ?? '')?.[0];
  if (link === undefined) throw new Error(`the mail about job ${jobId} contains no link`);
  return Buffer.from(await (await fetch(`${link}/file`)).arrayBuffer());
};

/** The mail about a job. @throws Error when there is none */
const findMail = async (stack: Running, jobId: string): Promise<OutboxMail> => {
  const mails = (await (await fetch(`${stack.info().outbox}/emails`)).json()) as OutboxMail[];
  const mail = mails.find((one) => one.text?.includes(jobId) === true);
  if (mail === undefined) throw new Error(`no mail about job ${jobId} arrived`);
  console.log(`  ✉ ${mail.to.join(', ')}: ${mail.subject}`);
  return mail;
};

const digestOf = (file: Buffer): string => createHash('sha256').update(file).digest('hex');

/**
 * Edits the exported file and imports it. @returns the records that an export must hold from now on
 */
const importEdited = async (
  stack: Running,
  admin: ApiClient,
  exported: Records,
): Promise<Records> => {
  const edited = edit(exported);
  const changed = (await differing(edited, exported)).length;
  const file = await gzippedCsv(edited);
  const job = await runStep(`Import the file, ${formatUsers(changed)} edited`, async ({ show }) => {
    const options = { mode: 'update', spreadsheetSafe: false, reason: 'Demo' };
    const { id } = await admin.importFile(new Blob([file]), options);
    return admin.finish(id, ({ progress }) => show(progress.processed ?? 0, progress.total));
  });
  check('import', job.state, 'succeeded');
  check('merged', job.counts?.['merged'], edited.size);
  check('of these, unchanged', job.counts?.['unchanged'], edited.size - changed);
  await findMail(stack, job.id);
  const title = 'Export all users again';
  const after = await exportAll(stack, admin, { title, expected: edited.size });
  check(
    'users that differ from the edited file',
    (await differing(edited, after, ['updatedAt'])).length,
    0,
  );
  check('users changed by the import', (await differing(exported, after)).length, changed);
  return after;
};

/**
 * The users' records with a new city for some of them, as a person would type it into a
 * spreadsheet.
 */
const edit = (records: Records): Records =>
  new Map(
    [...records].map(([id, record], index) =>
      index % EDITED_SHARE === 0 ? [id, { ...record, city: EDITED_CITY }] : [id, record],
    ),
  );

/** Deletes the segment. @returns the id of the first backup */
const deleteSegment = async (stack: Running, admin: ApiClient, all: Records): Promise<string> => {
  const { filter, title } = chooseSegment([...all.values()]);
  const segment = await admin.succeed<{ id: string }>('POST', '/v1/segments', {
    name: 'Demo',
    filter,
  });
  const selection = { type: 'segment', segmentId: segment.id };
  const preview = await admin.succeed<{ id: string; count: number; held: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection },
  );
  console.log(`  Segment: ${title}: ${formatUsers(preview.count)}, ${preview.held} under hold`);
  const job = await runStep('Back up, verify and delete a segment', async ({ show }) => {
    const body = { previewId: preview.id, confirm: { count: preview.count }, reason: 'Demo' };
    const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', body);
    return admin.finish(id, ({ progress }) => show(progress.processed ?? 0, progress.total));
  });
  check('deletion', job.state, 'succeeded');
  check('deleted', job.counts?.['deleted'], preview.count);
  const backup = await recordsIn(await openMail(stack, job.id), 'user_id');
  check('users in the backup', backup.size, preview.count);
  const strangers = [...backup.keys()].filter((id) => !all.has(id));
  check('users backed up, but not exported', strangers.length, 0);
  check('users left', await countUsers(admin), all.size - preview.count);
  return job.result?.backups?.[0]?.id ?? '';
};

const restoreBackup = async (stack: Running, admin: ApiClient, backupId: string): Promise<void> => {
  const path = `/v1/backups/${backupId}`;
  const { restorable } = await admin.succeed<{ restorable: number }>(
    'POST',
    `${path}/restore-previews`,
    {},
  );
  const job = await runStep('Restore the users from the backup', async ({ show }) => {
    const body = { reason: 'Demo' };
    const { id } = await admin.succeed<{ id: string }>('POST', `${path}/restores`, body);
    return admin.finish(id, ({ progress }) => show(progress.processed ?? 0, progress.total));
  });
  check('restore', job.state, 'succeeded');
  check('restored', job.counts?.['restored'], restorable);
  await findMail(stack, job.id);
};
