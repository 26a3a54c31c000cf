import { createHash } from 'node:crypto';
import { readFile, truncate } from 'node:fs/promises';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openExport } from '../../../files/open-export.ts';
import { partKey } from '../../../files/part-key.ts';
import { uuidv7 } from 'uuidv7';
import { useFileApi } from './downloads-support.ts';

const api = useFileApi();

const fileOf = (id: string) => `/v1/exports/${id}/file`;
const range = (value: string) => ({ range: value });

test('a downloaded file has the parts in order, decompresses with gunzip and matches its digest', async () => {
  const file = await api().addExport();
  const answer = await api().call('GET', fileOf(file.jobId));
  expect(answer.status).toBe(200);
  expect(gunzipSync(answer.bytes).toString()).toBe('userId,email\nu1,a\nu2,b\nu3,c\n');
  const digest = createHash('sha256').update(answer.bytes).digest('base64');
  expect(answer.headers).toMatchObject({
    'content-type': 'application/gzip',
    'content-disposition': `attachment; filename="users-demo-2026-11-24-${file.id.slice(-8)}.csv.gz"`,
    'accept-ranges': 'bytes',
    'content-length': String(file.content.length),
    etag: `"${file.sha256}"`,
    'repr-digest': `sha-256=:${digest}:`,
    'cache-control': 'no-store, no-transform',
  });
  expect(answer.headers['content-encoding']).toBeUndefined();
});

test('an uncompressed export is sent as CSV in UTF-8', async () => {
  const file = await api().addExport({ compression: 'none' });
  const answer = await api().call('GET', fileOf(file.id), { 'accept-encoding': 'gzip' });
  expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
  expect(answer.headers['content-disposition']).toMatch(/\.csv"$/);
  expect(answer.bytes.toString()).toBe('userId,email\nu1,a\nu2,b\nu3,c\n');
});

test('NDJSON is sent with its own file name and media type, as a whole, by range, and when empty', async () => {
  const parts = ['', '{"userId":"u1"}\n', '{"userId":"u2"}\n'];
  const plain = await api().addExport({ format: 'ndjson', compression: 'none', parts });
  const answer = await api().call('GET', fileOf(plain.id));
  expect(answer.headers['content-type']).toBe('application/x-ndjson');
  expect(answer.headers['content-disposition']).toMatch(/\.ndjson"$/);
  expect(answer.bytes.toString()).toBe(parts.join(''));
  const some = await api().call('GET', fileOf(plain.id), range('bytes=14-18'));
  expect(some.bytes).toEqual(plain.content.subarray(14, 19));

  const zipped = await api().addExport({ format: 'ndjson', parts });
  const packed = await api().call('GET', fileOf(zipped.id));
  expect(packed.headers['content-type']).toBe('application/gzip');
  expect(packed.headers['content-disposition']).toMatch(/\.ndjson\.gz"$/);
  expect(gunzipSync(packed.bytes).toString()).toBe(parts.join(''));

  const nobody = await api().addExport({ format: 'ndjson', compression: 'none', parts: [''] });
  const empty = await api().call('GET', fileOf(nobody.id));
  expect(empty).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
  expect(empty.bytes).toHaveLength(0);
});

test.each([
  ['an export', 'download', 'none', 'exports'],
  ['a backup, which lies there packed,', 'backup', 'zstd', 'backups'],
] as const)(
  'each range of %s returns exactly its bytes, within one part and across parts',
  async (...of) => {
    const [, purpose, compression, noun] = of;
    const parts = ['ab\n', 'cde\n', 'f\n', 'gh\n'];
    const file = await api().addExport({ purpose, compression, parts });
    const size = file.content.length;
    for (let start = 0; start < size; start++) {
      for (let end = start; end < size; end++) {
        const url = `/v1/${noun}/${file.id}/file`;
        const answer = await api().call('GET', url, range(`bytes=${start}-${end}`));
        expect(answer.status).toBe(206);
        expect(answer.headers['content-range']).toBe(`bytes ${start}-${end}/${size}`);
        expect(answer.bytes).toEqual(file.content.subarray(start, end + 1));
      }
    }
  },
);

test.each([
  ['bytes=5-', 5, 12],
  ['bytes=-4', 9, 12],
  ['bytes=-400', 0, 12],
  ['bytes=0-99999999999999999999', 0, 12],
])('the range %s is read as bytes %i to %i', async (header, start, end) => {
  const file = await api().addExport({ compression: 'none', parts: ['head\n', 'abcdefg\n'] });
  const answer = await api().call('GET', fileOf(file.id), range(header));
  expect(answer.status).toBe(206);
  expect(answer.headers['content-range']).toBe(`bytes ${start}-${end}/13`);
  expect(answer.headers['content-length']).toBe(String(end - start + 1));
  expect(answer.bytes).toEqual(file.content.subarray(start, end + 1));
});

test.each(['bytes=0-1,3-4', 'bytes=4-2', 'bytes=-', 'bytes=a-b', 'lines=0-1', 'bytes=1-2x', ''])(
  'the range header %j is not valid, so the whole file is sent',
  async (header) => {
    const file = await api().addExport();
    const answer = await api().call('GET', fileOf(file.id), range(header));
    expect(answer.status).toBe(200);
    expect(answer.bytes).toEqual(file.content);
  },
);

test.each(['bytes=13-', 'bytes=99-100', 'bytes=-0'])(
  'the range %s is refused with the size of the file',
  async (header) => {
    const file = await api().addExport({ compression: 'none', parts: ['head\n', 'abcdefg\n'] });
    const before = (await api().downloads()).length;
    const answer = await api().call('GET', fileOf(file.id), range(header));
    expect(answer.status).toBe(416);
    expect(answer.headers['content-range']).toBe('bytes */13');
    expect(answer.json()['type']).toBe('/problems/range-not-satisfiable');
    expect(await api().downloads()).toHaveLength(before);
  },
);

test('If-Range returns the range for the current tag, and the whole file for any other value', async () => {
  const file = await api().addExport();
  const ask = (tag: string) =>
    api().call('GET', fileOf(file.id), { range: 'bytes=3-5', 'if-range': tag });
  expect((await ask('"other"')).status).toBe(200);
  expect((await ask(`W/"${file.sha256}"`)).status).toBe(200);
  expect((await ask('Tue, 24 Nov 2026 10:00:00 GMT')).status).toBe(200);
  expect((await ask(`"${file.sha256}"`)).status).toBe(206);
});

test('If-None-Match with the current tag answers 304 without a body, and does not count as a download', async () => {
  const file = await api().addExport();
  const before = (await api().downloads()).length;
  for (const method of ['GET', 'HEAD'] as const) {
    for (const tag of [`"${file.sha256}"`, `"x", W/"${file.sha256}"`, '*']) {
      const answer = await api().call(method, fileOf(file.id), { 'if-none-match': tag });
      expect(answer.status).toBe(304);
      expect(answer.bytes).toHaveLength(0);
      expect(answer.headers['etag']).toBe(`"${file.sha256}"`);
    }
  }
  expect(await api().downloads()).toHaveLength(before);
  expect((await api().call('GET', fileOf(file.id), { 'if-none-match': '"x"' })).status).toBe(200);
});

test('HEAD returns size and digest, reads no file and does not count as a download', async () => {
  const file = await api().addExport();
  const before = (await api().downloads()).length;
  await api().storage.remove(`exports/${file.id}`);
  const answer = await api().call('HEAD', fileOf(file.id), range('bytes=0-1'));
  expect(answer.status).toBe(200);
  expect(answer.headers['content-length']).toBe(String(file.content.length));
  expect(answer.headers['repr-digest']).toMatch(/^sha-256=:.+=:$/);
  expect(answer.bytes).toHaveLength(0);
  expect(await api().downloads()).toHaveLength(before);
});

test('each download and each continuation is logged with its key, offset and number of bytes', async () => {
  const file = await api().addExport();
  const before = (await api().downloads()).length;
  await api().call('GET', fileOf(file.id));
  await api().call('GET', fileOf(file.id), range('bytes=10-14'));
  const key = api().keys.demo.id;
  expect((await api().downloads()).slice(before)).toEqual([
    { reason: null, key, counts: { from: 0, bytes: file.content.length } },
    { reason: null, key, counts: { from: 10, bytes: 5 } },
  ]);
});

test('a file that is not verified is refused as wrong-state: before, during and after the writing', async () => {
  const { database, keys } = api();
  const jobId = uuidv7();
  await database.owner.db
    .insertInto('jobs')
    .values({
      id: jobId,
      workspace_id: 'demo',
      type: 'export',
      selection: '{}',
      options: '{}',
      actor_key_id: keys.demo.id,
    })
    .execute();
  expect((await api().call('GET', fileOf(jobId))).json()).toMatchObject({
    status: 409,
    type: '/problems/wrong-state',
    data: { jobId },
  });
  for (const state of ['writing', 'written', 'damaged'] as const) {
    const file = await api().addExport({ state });
    expect((await api().call('GET', fileOf(file.id))).json()).toMatchObject({
      status: 409,
      data: { jobId: file.jobId },
    });
  }
});

test('a removed or expired file answers 410', async () => {
  const removed = await api().addExport({ state: 'removed' });
  const expired = await api().addExport({ expiresAt: new Date(Date.now() - 1_000) });
  for (const { id } of [removed, expired]) {
    expect((await api().call('GET', fileOf(id))).json()).toMatchObject({
      status: 410,
      type: '/problems/link-expired',
    });
  }
});

test("another workspace's file, a backup's id and an unknown id are not found", async () => {
  const file = await api().addExport();
  const backup = await api().addExport({ purpose: 'backup' });
  const other = { authorization: `Bearer ${api().keys.other.key}` };
  expect((await api().call('GET', fileOf(file.id), other)).status).toBe(404);
  expect((await api().call('GET', `/v1/backups/${backup.id}/file`, other)).status).toBe(404);
  expect((await api().call('GET', fileOf(backup.id))).status).toBe(404);
  expect((await api().call('GET', `/v1/backups/${file.id}/file`)).status).toBe(404);
  expect((await api().call('GET', fileOf(uuidv7()))).status).toBe(404);
});

test('a backup is downloaded by its own id, by admins only', async () => {
  const backup = await api().addExport({ purpose: 'backup' });
  const url = `/v1/backups/${backup.id}/file`;
  const answer = await api().call('GET', url);
  expect(answer.bytes.toString()).toBe('userId,email\nu1,a\nu2,b\nu3,c\n');
  expect(answer.headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-length': String(answer.bytes.length),
    etag: `"${createHash('sha256').update(answer.bytes).digest('hex')}"`,
  });
  expect(answer.headers['content-disposition']).toMatch(/filename="backup-demo-.*\.csv"$/);
  const ops = { authorization: `Bearer ${api().keys.ops.key}` };
  expect((await api().call('GET', `${url}?workspace=demo`, ops)).status).toBe(403);
});

test('a missing file answers 503 without the headers of a download, and does not count as a download', async () => {
  const file = await api().addExport();
  const before = (await api().downloads()).length;
  await api().storage.remove(`exports/${file.id}`);
  const answer = await api().call('GET', fileOf(file.id));
  expect(answer.status).toBe(503);
  expect(answer.headers['content-disposition']).toBeUndefined();
  expect(await api().downloads()).toHaveLength(before);
});

test('a truncated part breaks the connection, so that the download does not look complete', async () => {
  const { app, storageDir, keys } = api();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const headers = { authorization: `Bearer ${keys.demo.key}` };
  for (const [purpose, compression, noun] of [
    ['download', 'none', 'exports'],
    ['backup', 'zstd', 'backups'],
  ] as const) {
    const file = await api().addExport({ purpose, compression });
    const key = partKey({ exportId: file.id, attempt: 1, part: 2, compression });
    expect((await readFile(join(storageDir, key))).length).toBeGreaterThan(2);
    await truncate(join(storageDir, key), 2);
    const outcome = await new Promise<string>((resolve) => {
      get({ port, path: `/v1/${noun}/${file.id}/file`, headers }, (response) => {
        response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
        response.on('end', () => resolve('ended'));
        response.resume();
      });
    });
    expect(outcome).toBe('ECONNRESET');
  }
});

test('an open export reads one part at a time, and closes the part when its reader stops', async () => {
  const { addExport, database } = api();
  const made = await addExport({ parts: ['h\n', 'a\n', 'b\n'], compression: 'none' });
  const opened: Readable[] = [];
  const storage = {
    ...api().storage,
    get: async (key: string) => {
      expect(opened.every((part) => part.readableEnded)).toBe(true);
      const isLast = key.includes('000002');
      // The last part never ends by itself.
      const part = new Readable({ read: () => {} });
      part.push(isLast ? 'b' : key.includes('000001') ? 'a\n' : 'h\n');
      if (!isLast) part.push(null);
      opened.push(part);
      return part;
    },
  };
  const kind = { format: 'csv', compression: 'none' } as const;
  const file = { id: made.id, attempt: 1, ...kind, bytes: 6 };
  const stream = await openExport({ db: database.app.db, storage }, file);
  expect(opened).toHaveLength(1);
  let read = '';
  stream.on('data', (chunk: Buffer) => {
    read += chunk.toString();
  });
  await expect.poll(() => read).toBe('h\na\nb');
  stream.destroy();
  await expect.poll(() => opened.every((part) => part.destroyed)).toBe(true);

  const unread = await openExport({ db: database.app.db, storage: api().storage }, file);
  unread.destroy();
  expect(unread.destroyed).toBe(true);
});

test('an export with a missing part is not served', async () => {
  const file = await api().addExport({ compression: 'none' });
  await api()
    .database.owner.db.deleteFrom('export_parts')
    .where('export_id', '=', file.id)
    .where('part', '=', 1)
    .execute();
  expect((await api().call('GET', fileOf(file.id))).status).toBe(500);
});
