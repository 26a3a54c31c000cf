import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { StorageError } from '../../../storage/storage.ts';
import { filePart, optionsPart, sendForm, upload } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();

beforeAll(async () => {
  await api().call('POST', '/v1/properties', { body: { name: 'plan', type: 'string' } });
});

afterEach(() => {
  vi.restoreAllMocks();
  api().starter.isAway = false;
});

const files = () => api().storage.list('imports');

const jobCount = async (): Promise<number> => {
  const { rows } = await api().database.owner.pool.query('SELECT count(*)::int AS n FROM jobs');
  return rows[0].n;
};

/** The files and jobs that exist; a refusal must not change them. */
const traces = async () => ({ files: await files(), jobs: await jobCount() });

const fileOfJob = async (jobId: string) => {
  const { rows } = await api().database.owner.pool.query(
    'SELECT f.* FROM import_files f JOIN jobs j ON j.import_file_id = f.id WHERE j.id = $1',
    [jobId],
  );
  return rows[0];
};

test.each([
  ['as it is', (csv: string) => Buffer.from(csv)],
  ['packed', (csv: string) => gzipSync(csv)],
])('a file is stored %s, and its job starts', async (_how, pack) => {
  const content = pack('userId,firstName,properties.plan\n1,"Ada\r\nL",pro\n');
  const told = { mode: 'replace', mergeTags: true, dryRun: true, spreadsheetSafe: true };
  const options = { ...told, notify: false, reason: 'why' };
  const answer = await upload(api(), [optionsPart(options), filePart(content)]);
  expect(answer.status).toBe(202);
  const { id } = answer.body;
  expect(answer.headers).toMatchObject({ location: `/v1/imports/${id}`, 'retry-after': '1' });
  const sha256 = createHash('sha256').update(content).digest('hex');
  expect(answer.body).toMatchObject({
    type: 'import',
    state: 'queued',
    selection: { type: 'file' },
    ...told,
    reason: 'why',
    result: { bytes: content.length, sha256, removedAt: null },
    links: { self: `/v1/imports/${id}` },
  });
  expect(api().starter.started.at(-1)).toEqual({ id, type: 'import', workspaceId: 'one' });
  const { id: fileId, ...row } = await fileOfJob(id);
  expect(row).toMatchObject({ workspace_id: 'one', sha256, removed_at: null });
  const stored = await api().storage.get(`imports/${fileId}/file`);
  expect(Buffer.from(await text(stored.setEncoding('latin1')), 'latin1')).toEqual(content);
  expect((await api().call('GET', `/v1/imports/${id}`)).body).toMatchObject({
    id,
    mode: 'replace',
  });
  const list = await api().call('GET', '/v1/jobs?type=import');
  expect(list.body.data[0]).toMatchObject({ id, type: 'import' });
});

test('options that are left out have their documented defaults', async () => {
  const { body } = await upload(api(), [optionsPart({ mode: 'insert' }), filePart()]);
  expect(body).toMatchObject({ mergeTags: false, dryRun: false });
  // The file decides this option.
  expect(body).not.toHaveProperty('spreadsheetSafe');
});

test('a form is accepted from any client that sends the parts in order', async () => {
  const form = new FormData();
  form.append('options', new Blob(['{"mode":"update"}'], { type: 'application/json' }));
  form.append('file', new Blob(['userId\n1\n']), 'users.csv');
  const request = new Request('http://x/', { method: 'POST', body: form });
  const headers = { 'content-type': request.headers.get('content-type') ?? '' };
  const sent = await sendForm(api(), Buffer.from(await request.arrayBuffer()), { headers });
  expect(sent.status).toBe(202);
  const bare = await upload(api(), [
    { name: 'options', content: '{"mode":"update"}' },
    { name: 'file', content: 'userId\n2\n' },
  ]);
  expect(bare.status).toBe(202);
});

describe('an idempotency key', () => {
  test('sent twice with the same file returns one job, and one file is stored', async () => {
    const headers = { 'idempotency-key': 'same' };
    const before = await traces();
    const [first, second] = [
      await upload(api(), undefined, { headers }),
      await upload(api(), undefined, { headers }),
    ];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body.id).toBe(first.body.id);
    expect(await jobCount()).toBe(before.jobs + 1);
    expect(await files()).toHaveLength(before.files.length + 1);
  });

  test('sent many times at once creates one job, and one file is stored', async () => {
    const headers = { 'idempotency-key': 'at once'.replace(' ', '-') };
    const before = await traces();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => upload(api(), undefined, { headers })),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await jobCount()).toBe(before.jobs + 1);
    expect(await files()).toHaveLength(before.files.length + 1);
  });

  test('is valid for the same file and the same options only', async () => {
    const headers = { 'idempotency-key': 'other' };
    await upload(api(), undefined, { headers });
    const before = await traces();
    for (const parts of [
      [optionsPart(), filePart('userId\n2\n')],
      [optionsPart({ mode: 'insert' }), filePart()],
      [optionsPart({ mode: 'update', reason: 'why' }), filePart()],
    ]) {
      const answer = await upload(api(), parts, { headers });
      expect(answer.body).toMatchObject({ status: 422, type: '/problems/idempotency-key-reused' });
    }
    expect(await traces()).toEqual(before);
    const spelled = [optionsPart('{ "dryRun": false, "mode": "update" }'), filePart()];
    expect((await upload(api(), spelled, { headers })).status).toBe(202);
    expect(await traces()).toEqual(before);
  });
});

test.each(['full', 'unwritable', 'broken'] as const)(
  'a storage that is %s starts no job and stores no file',
  async (kind) => {
    const before = await traces();
    vi.spyOn(api().storage, 'put').mockImplementation(async (key, content) => {
      content.destroy();
      throw new StorageError(key, new Error('no'), kind);
    });
    const answer = await upload(api());
    expect(answer.body).toMatchObject({ status: 503, type: '/problems/storage-unavailable' });
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
    vi.restoreAllMocks();
    expect(await traces()).toEqual(before);
  },
);

test('a refusal has the same answer when its file cannot be removed', async () => {
  vi.spyOn(api().storage, 'remove').mockRejectedValue(new StorageError('x', new Error('no')));
  const answer = await upload(api(), [optionsPart(), filePart('nothing\n')]);
  expect(answer.status).toBe(422);
});

test('while Temporal is away, a job with a key is stored, and the same request starts it later', async () => {
  const headers = { 'idempotency-key': 'later' };
  const before = await traces();
  api().starter.isAway = true;
  const first = await upload(api(), undefined, { headers });
  expect(first.body).toMatchObject({ status: 503, type: '/problems/temporal-unavailable' });
  expect(await files()).toHaveLength(before.files.length + 1);
  api().starter.isAway = false;
  const second = await upload(api(), undefined, { headers });
  expect(second.status).toBe(202);
  expect(await jobCount()).toBe(before.jobs + 1);
  expect(await files()).toHaveLength(before.files.length + 1);
});

test('the content of a file, its name and its columns are not logged', async () => {
  const secret = 'sesame';
  api().log.length = 0;
  const parts = [
    optionsPart({ mode: 'update', reason: secret }),
    { name: `file"; filename="${secret}.csv`, type: 'text/csv', content: `${secret}\n${secret}\n` },
  ];
  expect((await upload(api(), parts)).status).toBe(422);
  expect(api().log.length).toBeGreaterThan(0);
  expect(api().log.join('')).not.toContain(secret);
});
