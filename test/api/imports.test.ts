import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { StorageError } from '../../storage/storage.ts';
import { BOUNDARY, filePart, formOf, optionsPart, sendForm, upload } from '../support/multipart.ts';
import { useApi } from './support.ts';

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

/** What there is of files and jobs, to be the same after a refusal. */
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
])('a file is kept %s, and its job begins', async (_how, pack) => {
  const content = pack('userId,firstName,properties.plan\n1,"Ada\r\nL",pro\n');
  const options = { mode: 'replace', mergeTags: true, dryRun: true, notify: false, reason: 'why' };
  const answer = await upload(api(), [optionsPart(options), filePart(content)]);
  expect(answer.status).toBe(202);
  const { id } = answer.body;
  expect(answer.headers).toMatchObject({ location: `/v1/imports/${id}`, 'retry-after': '1' });
  const sha256 = createHash('sha256').update(content).digest('hex');
  expect(answer.body).toMatchObject({
    type: 'import',
    state: 'queued',
    selection: { type: 'file' },
    mode: 'replace',
    mergeTags: true,
    dryRun: true,
    spreadsheetSafe: true,
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

test('options that are left out are what the document says', async () => {
  const { body } = await upload(api(), [optionsPart({ mode: 'insert' }), filePart()]);
  expect(body).toMatchObject({ mergeTags: false, dryRun: false, spreadsheetSafe: true });
});

test('a form is taken from any client that keeps to the order', async () => {
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

const OTHER = { name: 'other', content: 'x' };

describe('refuses and leaves nothing of', () => {
  test.each([
    ['no options', [filePart()], '/file'],
    ['a file before the options', [filePart(), optionsPart()], '/file'],
    ['no file', [optionsPart()], '/file'],
    ['options twice', [optionsPart(), optionsPart()], '/options'],
    ['two files', [optionsPart(), filePart(), filePart()], ''],
    ['an unknown part first', [OTHER, optionsPart(), filePart()], '/other'],
    ['an unknown part second', [optionsPart(), OTHER], '/other'],
    ['an unknown part last', [optionsPart(), filePart(), OTHER], ''],
    ['a part without a name', [{ name: null, content: 'x' }, filePart()], '/'],
    ['a part named like a method', [{ name: '__proto__', content: 'x' }, filePart()], '/__proto__'],
    ['no mode', [optionsPart({}), filePart()], '/options/mode'],
    ['another mode', [optionsPart({ mode: 'merge' }), filePart()], '/options/mode'],
    ['an unknown option', [optionsPart({ mode: 'update', mod: 1 }), filePart()], '/options/mod'],
    [
      'a text for a boolean',
      [optionsPart({ mode: 'update', dryRun: 'true' }), filePart()],
      '/options/dryRun',
    ],
    [
      'a reason of blanks',
      [optionsPart({ mode: 'update', reason: ' ' }), filePart()],
      '/options/reason',
    ],
    [
      'an option twice',
      [optionsPart('{"mode":"update","mode":"insert"}'), filePart()],
      '/options/mode',
    ],
    ['a list for options', [optionsPart('[]'), filePart()], '/options'],
    ['null for options', [optionsPart('null'), filePart()], '/options'],
  ])('a form with %s', async (_what, parts, pointer) => {
    const before = await traces();
    const answer = await upload(api(), parts);
    expect(answer.body).toMatchObject({
      type: '/problems/invalid-request',
      errors: [{ pointer, detail: expect.stringMatching(/\w/) }],
    });
    expect(answer.status).toBe(400);
    expect(await traces()).toEqual(before);
  });

  test.each([
    ['options that are no JSON', [optionsPart('{mode'), filePart()], 400, 'malformed-json'],
    ['empty options', [optionsPart(''), filePart()], 400, 'malformed-json'],
    [
      'options that are no UTF-8',
      [{ ...optionsPart(), content: Buffer.from([0xff]) }, filePart()],
      400,
      'malformed-json',
    ],
    [
      'options of 70 KB',
      [optionsPart({ mode: 'update', reason: 'x'.repeat(70_000) }), filePart()],
      413,
      'body-too-large',
    ],
    [
      'options of another type',
      [{ ...optionsPart(), type: 'text/csv' }, filePart()],
      415,
      'unsupported-media-type',
    ],
    [
      'a spreadsheet',
      [
        optionsPart(),
        {
          ...filePart(),
          type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        },
      ],
      415,
      'unsupported-media-type',
    ],
    [
      'JSON for a file',
      [optionsPart(), { ...filePart(), type: 'application/json' }],
      415,
      'unsupported-media-type',
    ],
    [
      'a file in base64',
      [optionsPart(), { ...filePart(), headers: ['Content-Transfer-Encoding: base64'] }],
      415,
      'unsupported-media-type',
    ],
    [
      'tags to add and none to be changed',
      [optionsPart({ mode: 'insert', mergeTags: true }), filePart()],
      422,
      'unprocessable',
    ],
    ['an empty form', [], 400, 'invalid-request'],
  ])('%s', async (_what, parts, status, slug) => {
    const before = await traces();
    const answer = await upload(api(), parts);
    expect([answer.status, answer.body.type]).toEqual([status, `/problems/${slug}`]);
    expect(await traces()).toEqual(before);
  });

  test.each([
    ['nothing', '', ['/file']],
    ['no userId', 'firstName\nAda\n', ['/file']],
    [
      'unknown columns',
      'userId,nick,city,properties.none\n',
      ['/file/columns/1', '/file/columns/3'],
    ],
    ['a column twice', 'userId,city,city\n', ['/file/columns/2']],
    ['a column without a name', 'userId,\n1,\n', ['/file/columns/1']],
    ['a backup', 'workspaceId,userId,properties,writtenIn\n', ['/file']],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ['/file']],
    ['gzip that is cut off', gzipSync('userId\n1\n').subarray(0, 15), ['/file']],
  ])('a file of %s', async (_what, content, pointers) => {
    const before = await traces();
    const answer = await upload(api(), [optionsPart(), filePart(content)]);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({
      type: '/problems/unprocessable',
      errors: pointers.map((pointer) => ({ pointer, detail: expect.stringMatching(/\w/) })),
    });
    expect(await traces()).toEqual(before);
  });

  test.each([
    ['JSON', { 'content-type': 'application/json' }, 415],
    ['CSV', { 'content-type': 'text/csv' }, 415],
    ['another form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['another multipart', { 'content-type': `multipart/mixed; boundary=${BOUNDARY}` }, 415],
    ['no type at all', { 'content-type': '' }, 415],
    ['packed parts', { 'content-encoding': 'gzip' }, 415],
    ['a form without a boundary', { 'content-type': 'multipart/form-data' }, 400],
    ['a form with another boundary', { 'content-type': 'multipart/form-data; boundary=x' }, 400],
    ['a key that is none', { 'idempotency-key': 'with a space' }, 400],
  ])('a request of %s', async (_what, headers, status) => {
    const before = await traces();
    const answer = await sendForm(api(), formOf([optionsPart(), filePart()]), { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(await traces()).toEqual(before);
  });

  test('a form that ends anywhere before its end', async () => {
    const before = await traces();
    const whole = formOf([optionsPart(), filePart()]);
    // The last two bytes are the end of the line, which RFC 2046 does not ask for.
    for (let length = 1; length < whole.length - 2; length += 3) {
      const answer = await sendForm(api(), whole.subarray(0, length));
      expect({ length, status: answer.status }).toEqual({ length, status: 400 });
    }
    expect(await traces()).toEqual(before);
  });

  test.each(['platform', 'ops'] as const)('an upload by a key of role %s', async (role) => {
    const before = await traces();
    const answer = await upload(api(), undefined, { key: api().keys[role] });
    expect(answer.status).toBe(403);
    expect(await traces()).toEqual(before);
  });

  test('a request without any body', async () => {
    expect((await api().call('POST', '/v1/imports')).status).toBe(415);
  });
});

describe('an idempotency key', () => {
  test('sent twice with the same file is answered with one job, and one file is kept', async () => {
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

  test('sent many times at once makes one job, and one file is kept', async () => {
    const headers = { 'idempotency-key': 'at once'.replace(' ', '-') };
    const before = await traces();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => upload(api(), undefined, { headers })),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await jobCount()).toBe(before.jobs + 1);
    expect(await files()).toHaveLength(before.files.length + 1);
  });

  test('belongs to its file and its options, and to those alone', async () => {
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
  'a storage that is %s starts nothing and keeps nothing',
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

test('where the file cannot be removed the answer is the same, and it is left to the sweep', async () => {
  vi.spyOn(api().storage, 'remove').mockRejectedValue(new StorageError('x', new Error('no')));
  const answer = await upload(api(), [optionsPart(), filePart('nothing\n')]);
  expect(answer.status).toBe(422);
});

test('without Temporal, a job with a key is finished by the same request', async () => {
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

test('nothing of a file, its name or its columns is logged', async () => {
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
