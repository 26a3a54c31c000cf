import { beforeAll, expect, test } from 'vitest';
import { MAX_MAPPINGS } from '../../../db/imports/import-mappings.ts';
import { filePart, optionsPart, upload } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();

const COLUMNS = {
  'Customer No': 'userId',
  'E-mail Address': 'email',
  Plan: 'properties.plan',
  Notes: null,
};
const FILE = 'Customer No;E-mail Address;Plan;Notes;city\n1;a@x.example;pro;n;Pune\n';

const start = (options: object, content = FILE) =>
  upload(api(), [optionsPart({ mode: 'update', ...options }), filePart(content)]);

const path = (name: string) => `/v1/import-mappings/${encodeURIComponent(name)}`;

const put = (name: string, columns: object, key?: string) =>
  api().call('PUT', path(name), { body: { columns }, ...(key !== undefined && { key }) });

beforeAll(async () => {
  await api().call('POST', '/v1/properties', { body: { name: 'plan', type: 'string' } });
});

const optionsOf = async (id: string) => {
  const { rows } = await api().database.owner.pool.query('SELECT options FROM jobs WHERE id = $1', [
    id,
  ]);
  return rows[0].options;
};

test('columns are mapped in the request, and the job stores the mapping', async () => {
  const { status, body } = await start({ columns: COLUMNS });
  expect(status).toBe(202);
  expect(body.mapping).toEqual({ name: null, columns: COLUMNS });
  expect(await optionsOf(body.id)).toMatchObject({ columns: COLUMNS });
  expect((await start({}, 'userId\n1\n')).body.mapping).toBeUndefined();
});

test('a header that looks like another file type is read as CSV when its names are mapped', async () => {
  const columns = { '[1] Id': 'userId', '<Plan>': 'properties.plan' };
  await put('Brackets', columns);
  for (const options of [{ columns }, { mapping: 'Brackets' }]) {
    expect((await start(options, '[1] Id,<Plan>\n1,pro\n')).status).toBe(202);
    expect((await start(options, '<Plan>,[1] Id\npro,1\n')).status).toBe(202);
  }
  expect((await start({}, '[1] Id,<Plan>\n1,pro\n')).body.detail).toContain('JSON');
  await api().call('DELETE', path('Brackets'));
});

test('a mapping is stored, listed, used by name, changed and deleted', async () => {
  const made = await put('CRM / Export', COLUMNS);
  expect(made).toMatchObject({ status: 201, body: { name: 'CRM / Export', columns: COLUMNS } });
  const { body } = await start({ mapping: 'CRM / Export' });
  expect(body.mapping).toEqual({ name: 'CRM / Export', columns: COLUMNS });
  const changed = await put('CRM / Export', { Mail: 'email' });
  expect(changed).toMatchObject({ status: 200, body: { columns: { Mail: 'email' } } });
  // The job keeps the mapping with which it began.
  expect(await optionsOf(body.id)).toMatchObject({ columns: COLUMNS });
  await put('Another', { A: null });
  const list = await api().call('GET', '/v1/import-mappings?limit=1');
  expect(list.body.data.map(({ name }: { name: string }) => name)).toEqual(['Another']);
  const next = await api().call('GET', `/v1/import-mappings?cursor=${list.body.nextCursor}`);
  expect(next.body.data).toMatchObject([{ name: 'CRM / Export' }]);
  expect((await api().call('GET', path('Another'))).body.columns).toEqual({ A: null });
  expect((await api().call('DELETE', path('Another'))).status).toBe(204);
  expect((await api().call('DELETE', path('Another'))).status).toBe(404);
  expect((await api().call('GET', path('Another'))).status).toBe(404);
});

test('each workspace has its own mappings', async () => {
  await put('Mine', COLUMNS);
  const { keys, call } = api();
  expect((await call('GET', path('Mine'), { key: keys.two })).status).toBe(404);
  expect((await call('DELETE', path('Mine'), { key: keys.two })).status).toBe(404);
  expect((await put('Mine', { M: 'email' }, keys.two)).status).toBe(201);
  expect((await call('GET', path('Mine'))).body.columns).toEqual(COLUMNS);
});

test.each<[string, object, string[]]>([
  ['a column the file lacks', { ...COLUMNS, Phone: 'phone' }, ['/options/columns/Phone']],
  ['two columns for one property', { ...COLUMNS, Notes: 'email' }, ['/options/columns/Notes']],
  ['an unknown property', { ...COLUMNS, Plan: 'properties.plam' }, ['/options/columns/Plan']],
  [
    'all of it',
    { ...COLUMNS, Plan: 'plan', Notes: 'email', 'A/B': null },
    ['/options/columns/Plan', '/options/columns/Notes', '/options/columns/A~1B'],
  ],
])('a mapping of %s is refused, with a pointer to each fault', async (_what, columns, pointers) => {
  const files = await api().storage.list('imports');
  const { body } = await start({ columns });
  expect(body).toMatchObject({ status: 422, type: '/problems/unprocessable' });
  expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  expect(await api().storage.list('imports')).toEqual(files);
});

test('a saved mapping that does not fit the file is refused with a pointer to the option mapping', async () => {
  await put('No fit', { Phone: 'phone', ...COLUMNS });
  const { body } = await start({ mapping: 'No fit' });
  expect(body).toMatchObject({
    status: 422,
    errors: [{ pointer: '/options/mapping', detail: '`Phone` is not a column of the file' }],
  });
});

test('an unknown mapping, or a mapping together with columns, is refused before the file is stored', async () => {
  const files = await api().storage.list('imports');
  expect((await start({ mapping: 'nowhere' })).body).toMatchObject({
    status: 422,
    errors: [{ pointer: '/options/mapping' }],
  });
  expect((await start({ mapping: 'Mine', columns: COLUMNS })).body).toMatchObject({
    status: 422,
    errors: [{ pointer: '/options/mapping' }],
  });
  expect(await api().storage.list('imports')).toEqual(files);
});

test('a mapping that is invalid for every file is not stored', async () => {
  const { body } = await put('Bad', { A: 'email', B: 'email', C: 'nothing', D: 'createdAt' });
  expect(body).toMatchObject({ status: 422 });
  expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '/columns/B',
    '/columns/C',
    '/columns/D',
  ]);
  expect((await put('Bad', { A: 5 })).body).toMatchObject({
    status: 400,
    errors: [{ pointer: '/columns/A' }],
  });
  const many = Object.fromEntries(Array.from({ length: 401 }, (_, n) => [`c${n}`, null]));
  expect((await put('Bad', many)).status).toBe(400);
});

test(`a workspace stores at most ${MAX_MAPPINGS} mappings, also when many are sent at once`, async () => {
  const { keys } = api();
  const answers = await Promise.all(
    Array.from({ length: MAX_MAPPINGS + 5 }, (_, n) => put(`m-${n}`, { A: null }, keys.two)),
  );
  const statuses = answers.map(({ status }) => status);
  // One mapping exists from a test above.
  expect(statuses.filter((status) => status === 201)).toHaveLength(MAX_MAPPINGS - 1);
  expect(statuses.filter((status) => status === 409)).toHaveLength(6);
  expect((await put('m-0', { B: null }, keys.two)).status).not.toBe(409);
});

const sendMoving = () =>
  upload(api(), [optionsPart({ mode: 'update', mapping: 'Moving' }), filePart(FILE)], {
    headers: { 'idempotency-key': 'moving' },
  });

test('the same request with the same key returns its job, although the mapping has changed', async () => {
  await put('Moving', COLUMNS);
  const first = await sendMoving();
  await put('Moving', { 'Customer No': 'userId', 'E-mail Address': null, Plan: null, Notes: null });
  expect((await sendMoving()).body.id).toBe(first.body.id);
  await api().call('DELETE', path('Moving'));
  const again = await sendMoving();
  expect(again).toMatchObject({ status: 202, body: { id: first.body.id } });
  const files = await api().storage.list('imports');
  expect((await start({ mapping: 'Moving' })).status).toBe(422);
  expect(await api().storage.list('imports')).toEqual(files);
});

test('the columns of a mapping are shown in the job itself, and not in a list of jobs', async () => {
  const { body } = await start({ columns: COLUMNS });
  const { body: job } = await api().call('GET', `/v1/jobs/${body.id}`);
  expect(job.mapping).toEqual({ name: null, columns: COLUMNS });
  const { body: list } = await api().call('GET', '/v1/jobs?type=import');
  const listed = list.data.find(({ id }: { id: string }) => id === body.id);
  expect(listed.mapping).toEqual({ name: null });
});

/** The lists by name, as in their cursors and paths. */
const LISTS = [
  ['importMappings', 'import-mappings'],
  ['properties', 'properties'],
] as const;

const listAt = (list: string, position: unknown) => {
  const cursor = Buffer.from(JSON.stringify(position)).toString('base64url');
  return api().call('GET', `/v1/${list}?cursor=${cursor}`);
};

test('a cursor with text that cannot be stored is refused', async () => {
  for (const [list, path] of LISTS) {
    const unstorable = await listAt(path, [list, 'a\0']);
    expect(unstorable).toMatchObject({ status: 400, body: { errors: [{ pointer: '?cursor' }] } });
    expect((await listAt(path, [list, 'a'])).status).toBe(200);
  }
});

test('a list by name refuses the cursor of another list', async () => {
  for (const [, path] of LISTS) {
    for (const position of ['a', ['workspaces', 'a'], ['segments', 'a']]) {
      const answer = await listAt(path, position);
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '?cursor' }] } });
    }
  }
});
