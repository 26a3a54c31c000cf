import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { beforeAll, expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { FORMULA, piecesOf } from '../support/http/guarded.ts';
import { useSharedStack } from '../support/stack/stack.ts';

/** Every CSV file that the API sends, as a spreadsheet reads it. */

const stack = useSharedStack();

const MARK = '\uFEFF';
const RISKY = ['=1+1', 'a;=1+1', "'=1", 'x\t@y', '"a;"=1', 'b|-1', 'c\n+1', "d;'=1", '＝1', "'s"];
const REASON = '=1+1;@reason';

interface Operation {
  operationId: string;
  description?: string;
  responses: Record<string, { content?: Record<string, unknown> }>;
}

let admin: ApiClient;
/** For each operation that answers with CSV: a path whose answer has such texts. */
const samples = new Map<string, string>();
let operations: Operation[];

const start = async (path: string, body: object): Promise<Job & { id: string }> => {
  const { id } = await admin.succeed<{ id: string }>('POST', path, body);
  return admin.finish(id);
};

const addUsers = async (client: ApiClient) => {
  await client.succeed('POST', '/v1/properties', { name: 'list', type: 'list' });
  const users = RISKY.map((text, index) => ({
    userId: `${text}${index}`,
    firstName: text,
    tags: ['a', text.replaceAll(';', ',')],
    properties: { list: [text.replaceAll(';', ','), '=1+1'] },
  }));
  const { data } = await client.succeed<{ data: { outcome: string }[] }>(
    'POST',
    '/v1/users',
    users,
  );
  expect(data.map(({ outcome }) => outcome)).toEqual(users.map(() => 'created'));
};

const startImport = async (client: ApiClient, content: Blob, options: object): Promise<Job> => {
  const { id } = await client.importFile(content, { mode: 'replace', ...options });
  return client.finish(id);
};

beforeAll(async () => {
  admin = await stack().workspace('formulas');
  await addUsers(admin);
  const exported = await start('/v1/exports', { selection: { type: 'all' }, compression: 'none' });
  const link = await admin.succeed<{ url: string }>('POST', `/v1/exports/${exported.id}/links`, {});
  const ids = RISKY.map((text, index) => `${text}${index}`);
  const selection = { type: 'ids', ids: [...ids, '=nobody;=1'] };
  const deletion = await start('/v1/deletions', { selection, reason: REASON });
  const backupId = deletion.result?.backups?.[0]?.id ?? '';
  const restore = await start(`/v1/backups/${backupId}/restores`, {});
  const lines = '=u;=1,"x;""=1",31.1.2024\n+v,\'=1,0\n';
  const failed = await startImport(admin, new Blob([`userId,firstName,dob\n${lines}`]), {
    reason: REASON,
  });
  const list = await admin.uploadList(new Blob(['userId\n=nobody;=1\n']));
  const { data } = await admin.succeed<{ data: { links: { log?: string } }[] }>(
    'GET',
    `/v1/activity?jobId=${deletion.id}`,
  );
  samples.set('downloadExport', `/v1/exports/${exported.id}/file`);
  samples.set('downloadByLink', `${new URL(link.url).pathname}/file`);
  samples.set('downloadBackup', `/v1/backups/${backupId}/file`);
  samples.set('getDeletionLog', `/v1/deletions/${deletion.id}/log`);
  samples.set('getRestoreLog', `/v1/restores/${restore.id}/log`);
  samples.set('getImportLog', `/v1/imports/${failed.id}/log`);
  samples.set('getUserListNotFound', `/v1/user-lists/${list.id}/not-found`);
  samples.set('listActivity', '/v1/activity?format=csv');
  samples.set('getActivityLog', data.find(({ links }) => links.log)?.links.log ?? '');
  const mail = (await stack().mails()).find(({ text }) => text?.includes(deletion.id));
  const pages = mail?.text?.match(/\/p\/[\w.-]+/g) ?? [];
  samples.set('downloadLogByLink', `${pages.at(-1)}/log`);
  const document = await admin.succeed<{ paths: Record<string, Record<string, Operation>> }>(
    'GET',
    '/openapi.json',
  );
  operations = Object.values(document.paths)
    .flatMap((item) => Object.values(item))
    .filter(({ responses }) => responses['200']?.content?.['text/csv'] !== undefined);
});

test('every operation that answers with CSV is tested here', () => {
  expect(operations.map(({ operationId }) => operationId).toSorted()).toEqual(
    [...samples.keys()].toSorted(),
  );
});

test('no text in a CSV file for people starts like a formula, wherever it is split', async () => {
  for (const { operationId } of operations) {
    if (operationId === 'downloadBackup') continue;
    const csv = (await admin.download(samples.get(operationId)!)).toString();
    expect({ operationId, start: csv.slice(0, 1) }).toEqual({ operationId, start: MARK });
    const records: string[][] = parse(csv, { bom: true });
    expect({ operationId, isFilled: records.length > 1 }).toEqual({ operationId, isFilled: true });
    const risky = piecesOf(csv.slice(1)).filter((piece) => FORMULA.test(piece));
    expect({ operationId, risky }).toEqual({ operationId, risky: [] });
    expect({ operationId, isGuarded: csv.includes("'=") }).toEqual({
      operationId,
      isGuarded: true,
    });
  }
});

test('a backup is sent as it is stored, and its description says so', async () => {
  const backup = operations.find(({ operationId }) => operationId === 'downloadBackup');
  expect(backup?.description).toContain('as stored, and not guarded');
  const csv = (await admin.download(samples.get('downloadBackup')!)).toString();
  expect(csv.startsWith(MARK)).toBe(false);
  const records: Record<string, string>[] = parse(csv, { columns: true });
  expect(records.map((record) => String(record['first_name'])).toSorted()).toEqual(
    RISKY.toSorted(),
  );
});

/** Users of a workspace, without the properties that the service sets. */
const usersOf = async (client: ApiClient) => {
  const { data } = await client.succeed<{ data: Record<string, unknown>[] }>('GET', '/v1/users');
  return data.map(({ createdAt: _created, updatedAt: _updated, ...user }) => user);
};

test.each([
  ['for spreadsheets', {}],
  ['for spreadsheets, plain', { compression: 'none' }],
  ['for programs', { spreadsheetSafe: false, compression: 'none' }],
  ['for programs, gzip', { spreadsheetSafe: false }],
])(
  'a file %s is imported elsewhere without an option and without a loss',
  async (name, options) => {
    const file = await start('/v1/exports', { selection: { type: 'all' }, ...options });
    const content = await admin.download(`/v1/exports/${file.id}/file`);
    const other = await stack().workspace(`other-${name.replaceAll(/\W+/g, '-')}`);
    await other.succeed('POST', '/v1/properties', { name: 'list', type: 'list' });
    const job = await startImport(other, new Blob([new Uint8Array(content)]), {});
    expect(job).toMatchObject({ state: 'succeeded', counts: { imported: RISKY.length } });
    expect(await usersOf(other)).toEqual(await usersOf(admin));
  },
);

test('a guarded file without its mark is imported without a loss if the request says that it is guarded', async () => {
  const file = await start('/v1/exports', { selection: { type: 'all' }, compression: 'none' });
  const text = (await admin.download(`/v1/exports/${file.id}/file`)).toString();
  const other = await stack().workspace('other-unmarked');
  await other.succeed('POST', '/v1/properties', { name: 'list', type: 'list' });
  const packed = gzipSync(text.slice(1));
  const job = await startImport(other, new Blob([packed]), { spreadsheetSafe: true });
  expect(job).toMatchObject({ state: 'succeeded' });
  expect(await usersOf(other)).toEqual(await usersOf(admin));
});
