import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { readLocalEnv } from '../config.ts';
import { createApiKey } from '../db/api-keys.ts';
import { openDatabase } from '../db/client.ts';
import { createWorkspace } from '../db/workspaces.ts';
import { formatUsers } from '../storage/file-facts.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import { checkCsv, usersOfCsv } from './demo-csv.ts';
import { check, runStep } from './demo-progress.ts';
import { chooseSegment, type ExportedRecord } from './demo-segment.ts';
import { demoProperties, demoUsers } from './demo-users.ts';
import type { OutboxMail } from './outbox-mails.ts';
import { removeDataFolder } from './postgres-place.ts';
import { killRecorded } from './process-record.ts';
import { listenForSignals } from './signals.ts';
import { startStack, type Stack } from './stack.ts';

const USER_COUNT = 100_000;
/** The most that one request takes. */
const USERS_PER_REQUEST = 1_000;
/** Below the API's limit of 5 MiB. */
const REQUEST_BYTES = 4_000_000;
const REQUESTS_AT_ONCE = 2;
const OWNER_EMAIL = 'ada.admin@example.com';

const openWorkspace = async (stack: Stack): Promise<ApiClient> => {
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

interface AddedUser {
  outcome: string;
  error?: { detail: string };
}

/** Users in pages that fit into a request. */
const pagesOf = async function* (
  users: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncGenerator<unknown[]> {
  let page: unknown[] = [];
  let bytes = 0;
  for await (const user of users) {
    const userBytes = Buffer.byteLength(JSON.stringify(user)) + 1;
    if (page.length === USERS_PER_REQUEST || bytes + userBytes > REQUEST_BYTES) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(user);
    bytes += userBytes;
  }
  if (page.length > 0) yield page;
};

/** Adds users page by page. @returns how many the API created */
const addUsers = async (
  admin: ApiClient,
  users: AsyncIterable<unknown> | Iterable<unknown>,
  show: (done: number) => void,
): Promise<number> => {
  let created = 0;
  const pages = pagesOf(users);
  const send = async (): Promise<void> => {
    for await (const page of pages) {
      const answer = await admin.succeed<{ data: AddedUser[] }>('POST', '/v1/users', page);
      const failed = answer.data.find((user) => user.outcome === 'failed');
      if (failed !== undefined) throw new Error(`a user was refused: ${failed.error?.detail}`);
      created += answer.data.filter((user) => user.outcome === 'created').length;
      show(created);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, send));
  return created;
};

/** Each user's record in a file, by their id. */
type Records = Map<string, ExportedRecord>;

const recordsIn = (file: Buffer): Records => {
  const rows: Record<string, string>[] = parse(gunzipSync(file), { columns: true });
  return new Map(rows.map((row) => [row['userId'] ?? '', row]));
};

const digestOf = (file: Buffer): string => createHash('sha256').update(file).digest('hex');

/** The mail about a job. @throws Error when there is none */
const findMail = async (stack: Stack, jobId: string): Promise<OutboxMail> => {
  const mails = (await (await fetch(`${stack.info().outbox}/emails`)).json()) as OutboxMail[];
  const mail = mails.find((one) => one.text?.includes(jobId) === true);
  if (mail === undefined) throw new Error(`no mail about job ${jobId} arrived`);
  console.log(`  ✉ ${mail.to.join(', ')}: ${mail.subject}`);
  return mail;
};

/** The file behind the link of the mail about a job. */
const openMail = async (stack: Stack, jobId: string): Promise<Buffer> => {
  const { text } = await findMail(stack, jobId);
  const link = /https?:\/\/\S+\/d\/[\w.-]+/.exec(text ?? '')?.[0];
  if (link === undefined) throw new Error(`the mail about job ${jobId} holds no link`);
  return Buffer.from(await (await fetch(`${link}/file`)).arrayBuffer());
};

const countUsers = async (admin: ApiClient): Promise<number> =>
  (await admin.succeed<{ count: number }>('GET', '/v1/users?limit=1&count=exact')).count;

const exportAll = async (
  stack: Stack,
  admin: ApiClient,
  { title, expected }: { title: string; expected: number },
): Promise<Records> => {
  const job = await runStep(title, async ({ show }) => {
    // Its ids are compared with a backup's, which holds them as they are.
    const body = { selection: { type: 'all' }, format: 'csv', spreadsheetSafe: false };
    const { id } = await admin.succeed<{ id: string }>('POST', '/v1/exports', body);
    return admin.finish(id, ({ progress }) => show(progress.processed ?? 0, progress.total));
  });
  check('export', job.state, 'succeeded');
  const file = await openMail(stack, job.id);
  check('SHA-256 of the mailed file', digestOf(file), job.result?.sha256);
  const records = recordsIn(file);
  check('users in the file', records.size, expected);
  return records;
};

/** @returns the id of the backup that was taken first */
const deleteSegment = async (stack: Stack, admin: ApiClient, all: Records): Promise<string> => {
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
  const backup = recordsIn(await openMail(stack, job.id));
  check('users in the backup', backup.size, preview.count);
  const strangers = [...backup.keys()].filter((id) => !all.has(id));
  check('backed up, but never exported', strangers.length, 0);
  check('users left', await countUsers(admin), all.size - preview.count);
  return job.result?.backups?.[0]?.id ?? '';
};

const restoreBackup = async (stack: Stack, admin: ApiClient, backupId: string): Promise<void> => {
  const path = `/v1/backups/${backupId}`;
  const { restorable } = await admin.succeed<{ restorable: number }>(
    'POST',
    `${path}/restore-previews`,
    {},
  );
  const job = await runStep('Restore them from the backup', async ({ show }) => {
    const body = { reason: 'Demo' };
    const { id } = await admin.succeed<{ id: string }>('POST', `${path}/restores`, body);
    return admin.finish(id, ({ progress }) => show(progress.processed ?? 0, progress.total));
  });
  check('restore', job.state, 'succeeded');
  check('restored', job.counts?.['restored'], restorable);
  await findMail(stack, job.id);
};

/** Where the demo's users come from. */
interface Source {
  properties: readonly { name: string; type: string }[];
  users: () => AsyncIterable<unknown> | Iterable<unknown>;
  rows: number;
}

/** @throws Error saying what is wrong with the file, before anything is started */
const openSource = async ([csv, ...rest]: string[]): Promise<Source> => {
  if (rest.length > 0) throw new Error('the demo takes one CSV file at most');
  if (csv === undefined) {
    return {
      properties: demoProperties,
      users: () => demoUsers(USER_COUNT),
      rows: USER_COUNT,
    };
  }
  const { properties, rows, leftOut } = await runStep(`Check ${csv}`, () => checkCsv(csv));
  if (leftOut.length > 0) console.log(`  Left out: ${leftOut.join(', ')}`);
  return {
    properties: properties.map((name) => ({ name, type: 'string' })),
    users: () => usersOfCsv(csv),
    rows,
  };
};

const tellDemo = async (stack: Stack, { properties, users, rows }: Source): Promise<void> => {
  const admin = await openWorkspace(stack);
  for (const property of properties) await admin.succeed('POST', '/v1/properties', property);
  const added = await runStep('Add users through the API', ({ show }) =>
    addUsers(admin, users(), (done) => show(done, rows)),
  );
  check('users in the workspace', await countUsers(admin), added);
  const before = await exportAll(stack, admin, { title: 'Export all users', expected: added });
  const backupId = await deleteSegment(stack, admin, before);
  await restoreBackup(stack, admin, backupId);
  const title = 'Export all users again';
  const after = await exportAll(stack, admin, { title, expected: added });
  const changed = [...before].filter(([id, record]) => !isDeepStrictEqual(after.get(id), record));
  check('users not exactly as before', changed.length, 0);
};

/** Rejects once the signal is given. */
const untilStopped = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const stop = () => reject(new Error('stopped'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
  });

const runStack = async (source: Source, dataDir: string, signal: AbortSignal): Promise<void> => {
  const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
  const stack = await runStep('Start PostgreSQL, Temporal, worker, API', () =>
    startStack({
      env: readLocalEnv({ ...ports, KEEPSAKE_DATA_DIR: dataDir }),
      inherited: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
      log: () => {},
      headless: true,
      cliCacheDir: resolve('node_modules/.cache/keepsake'),
      signal,
    }),
  );
  try {
    await Promise.race([tellDemo(stack, source), untilStopped(signal)]);
    console.log('All sums close.');
  } finally {
    await stack.stop();
  }
};

const main = async (): Promise<void> => {
  const source = await openSource(process.argv.slice(2));
  const dataDir = mkdtempSync(join(tmpdir(), 'keepsake-demo-'));
  const signal = listenForSignals(() => dataDir);
  // Whatever ends this process otherwise, such as an error that nobody caught.
  process.once('exit', () => killRecorded(dataDir));
  try {
    await runStack(source, dataDir, signal);
  } catch (error) {
    throw signal.aborted ? new Error('it was stopped') : error;
  } finally {
    removeDataFolder(dataDir);
  }
};

await main().catch((error: unknown) => {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
