import type { AddressInfo } from 'node:net';
import { parse } from 'csv-parse/sync';
import { beforeAll, expect, test } from 'vitest';
import { guardedCell } from '../../support/http/guarded.ts';
import { filePart, optionsPart, upload } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';
import { waitUntil, waitFor } from '../../support/wait.ts';

const api = useApi();
let jobId = '';

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const FAILURES = [
  { line: 2, payload: ',Ada', code: 'propertyRequired', message: 'userId must not be empty' },
  { line: 3, payload: '=1+1,"a\r\nb ""💜"""', code: 'invalidDataType', message: 'email must be …' },
  { line: 5, payload: "'s-Hertogenbosch", code: 'wrongCellCount', message: 'has 1 cells' },
  { line: 70, payload: `x,${'y'.repeat(5_000)}`, code: 'rejected', message: '23514' },
];

const addFailures = (id: string) =>
  query(
    `INSERT INTO import_failures (job_id, line, payload, code, message)
     SELECT $1, line, payload, code, message
       FROM jsonb_to_recordset($2) AS f(line int, payload text, code text, message text)`,
    [id, JSON.stringify(FAILURES)],
  );

/** An import with 20,000 failed lines of the given length. */
const uploadFailing = async (lineLength: number): Promise<string> => {
  const { id } = (await upload(api())).body;
  await query(
    `INSERT INTO import_failures SELECT $1, n, n || ',' || repeat('x', $2), 'rejected', 'm'
       FROM generate_series(2, 20001) n`,
    [id, lineLength],
  );
  return id;
};

beforeAll(async () => {
  jobId = (await upload(api())).body.id;
  await addFailures(jobId);
});

test('the failed lines are returned in pages, in the order of the file', async () => {
  const first = await api().call('GET', `/v1/imports/${jobId}/records?limit=3`);
  expect(first.body.data).toEqual(FAILURES.slice(0, 3));
  const url = `/v1/imports/${jobId}/records?limit=3&cursor=${first.body.nextCursor}`;
  const second = await api().call('GET', url);
  expect(second.body).toEqual({
    data: [{ ...FAILURES[3], payload: FAILURES[3]!.payload.slice(0, 1_000) }],
    nextCursor: null,
  });
});

test('the summary counts failed lines by code, for every role of the workspace', async () => {
  const { id } = (await upload(api())).body;
  await addFailures(id);
  await query(
    `INSERT INTO import_failures SELECT $1, n, 'x', 'held', 'm' FROM generate_series(100, 102) n`,
    [id],
  );
  const path = `/v1/imports/${id}/records/summary`;
  const { keys, call } = api();
  for (const key of [keys.one, keys.platform, keys.ops]) {
    expect((await call('GET', path, { key })).body).toEqual({
      data: [
        { code: 'held', count: 3 },
        { code: 'invalidDataType', count: 1 },
        { code: 'propertyRequired', count: 1 },
        { code: 'rejected', count: 1 },
        { code: 'wrongCellCount', count: 1 },
      ],
    });
  }
  expect((await call('GET', path, { key: keys.two })).status).toBe(404);
});

test('a cursor continues at its line with another code, and is refused for another import', async () => {
  const { body } = await api().call('GET', `/v1/imports/${jobId}/records?limit=1`);
  const next = (id: string) =>
    api().call('GET', `/v1/imports/${id}/records?code=wrongCellCount&cursor=${body.nextCursor}`);
  expect((await next(jobId)).body.data).toEqual([FAILURES[2]]);
  const { id } = (await upload(api())).body;
  await addFailures(id);
  expect(await next(id)).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: '?cursor', detail: 'must be a cursor of this list' }] },
  });
});

test('failed lines are filtered by one code, and an unknown code or cursor is refused', async () => {
  const url = `/v1/imports/${jobId}/records?code=`;
  expect((await api().call('GET', `${url}wrongCellCount`)).body.data).toEqual([FAILURES[2]]);
  const bad = await api().call('GET', `${url}deleted`);
  expect(bad.body).toMatchObject({ status: 400, errors: [{ pointer: '?code' }] });
  const cursor = Buffer.from('{"skip":1}').toString('base64url');
  expect((await api().call('GET', `/v1/imports/${jobId}/records?cursor=${cursor}`)).status).toBe(
    400,
  );
});

test('the log has the columns of the imported file and the errors, and is safe for spreadsheets', async () => {
  const log = await api().call('GET', `/v1/imports/${jobId}/log`);
  expect(log.headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8; header=present',
    'content-disposition': `attachment; filename="import-${jobId}.csv"`,
  });
  expect(log.text.startsWith('\uFEFFuserId,firstName,error\n')).toBe(true);
  const rows: string[][] = parse(log.text, { bom: true, relax_column_count: true, from: 2 });
  expect(rows).toEqual(
    FAILURES.map(({ line, payload, code, message }) => [
      ...(parse(payload)[0] as string[]).map(guardedCell),
      `${code}, line ${line}: ${message}`,
    ]),
  );
  const plain = await api().call('GET', `/v1/imports/${jobId}/log?spreadsheetSafe=false`);
  expect(plain.text.startsWith('userId,firstName,error\n,Ada,"propertyRequired, line 2')).toBe(
    true,
  );
});

test('the log of a file with its own separator and mapped columns can be imported again', async () => {
  const content = 'sep=|\nId|Mail|Note\n1|none|x\n';
  const options = { mode: 'update', columns: { Id: 'userId', Mail: 'email', Note: null } };
  const { id } = (await upload(api(), [optionsPart(options), filePart(content)])).body;
  await query(
    `INSERT INTO import_failures VALUES ($1, 3, '1,"no|ne",x', 'invalidDataType', 'Mail must be …')`,
    [id],
  );
  const log = await api().call('GET', `/v1/imports/${id}/log?spreadsheetSafe=false`);
  expect(log.text).toBe(
    'sep=|\nId|Mail|Note|error\n1|"no|ne"|x|invalidDataType, line 3: Mail must be …\n',
  );
  const again = await upload(api(), [optionsPart(options), filePart(log.text)]);
  expect(again.status).toBe(202);
});

test('a log of 20,000 failed lines is sent completely, five times in a row', async () => {
  const id = await uploadFailing(100);
  for (let n = 0; n < 5; n++) {
    const log = await api().call('GET', `/v1/imports/${id}/log`);
    expect(log.text.split('\n')).toHaveLength(20_002);
  }
});

test('the activity log links to the log of the import', async () => {
  const { body } = await api().call('GET', `/v1/activity?jobId=${jobId}`);
  const { id, links } = body.data[0];
  expect(links).toEqual({ job: `/v1/imports/${jobId}`, log: `/v1/activity/${id}/log` });
  const log = await api().call('GET', links.log);
  expect(log.text).toBe((await api().call('GET', `/v1/imports/${jobId}/log`)).text);
});

test('another workspace, another kind of job and another role get neither records nor log', async () => {
  const { keys, call } = api();
  for (const what of ['records', 'log']) {
    const url = `/v1/imports/${jobId}/${what}`;
    expect((await call('GET', url, { key: keys.two })).status).toBe(404);
    expect((await call('GET', url, { key: keys.ops })).status).toBe(403);
    expect((await call('GET', `/v1/deletions/${jobId}/${what}`)).status).toBe(404);
  }
});

test('erased records and logs answer 410 with the reason', async () => {
  const { id } = (await upload(api())).body;
  await addFailures(id);
  await query(
    "UPDATE jobs SET state = 'failed', finished_at = now(), erased_at = now() WHERE id = $1",
    [id],
  );
  for (const what of ['records', 'log']) {
    const answer = await api().call('GET', `/v1/imports/${id}/${what}`);
    expect(answer.body).toMatchObject({ status: 410, type: '/problems/gone' });
    expect(answer.body.detail).toContain('with its file');
  }
});

test('readers that disconnect at any time free their connection, and the log can be read afterwards', async () => {
  const { app, database } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  // Too long for the buffers of the connection, so that the server waits for the reader.
  const long = await uploadFailing(2_000);
  const read = (id: string, { signal }: AbortController) => {
    const headers = { authorization: `Bearer ${api().keys.one}` };
    return fetch(`http://127.0.0.1:${port}/v1/imports/${id}/log`, { headers, signal });
  };
  for (let n = 0; n < 40; n++) {
    const stop = new AbortController();
    const reading = read(jobId, stop).then((answer) => answer.text());
    setTimeout(() => stop.abort(), n % 20);
    await reading.catch(() => {});
  }
  for (let n = 0; n < 10; n++) {
    const stop = new AbortController();
    // Until an earlier reader is gone, the workspace may have no further one.
    const answer = await waitUntil(async () => {
      const one = await read(long, stop);
      return one.status === 200 && one;
    });
    await answer.body?.getReader().read();
    stop.abort();
  }
  const { pool } = database.api;
  await waitFor(() =>
    expect({ used: pool.totalCount - pool.idleCount, waiting: pool.waitingCount }).toEqual({
      used: 0,
      waiting: 0,
    }),
  );
  await waitFor(async () => {
    const { rows } = await database.owner.pool.query(
      `SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()`,
    );
    expect(rows).toEqual([]);
    expect((await api().call('GET', `/v1/imports/${jobId}/log`)).status).toBe(200);
  });
});
