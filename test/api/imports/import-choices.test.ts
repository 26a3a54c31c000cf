import { expect, test } from 'vitest';
import { filePart, optionsPart, upload } from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();

const start = (options: object, content = 'userId\n1\n') =>
  upload(api(), [optionsPart(options), filePart(content)]);

test('a job shows its chosen options, and the defaults of the other options', async () => {
  const chosen = {
    mode: 'updateOnly',
    emptyCells: 'keep',
    badCells: 'skipCell',
    matchBy: 'email',
  };
  const { status, body } = await start(chosen, 'email,city\na@x.example,\n');
  expect(status).toBe(202);
  expect(body).toMatchObject({ ...chosen, cleared: [] });
  const { body: plain } = await start({ mode: 'update' });
  expect(plain).toMatchObject({ mode: 'update', emptyCells: 'clear', badCells: 'failLine' });
});

test('cleared values are counted by property, with the largest count first', async () => {
  const { body } = await start({ mode: 'update' });
  await api().database.owner.pool.query(
    `INSERT INTO import_cleared VALUES ($1, 'city', 3), ($1, 'properties.plan', 7)`,
    [body.id],
  );
  const job = await api().call('GET', `/v1/imports/${body.id}`);
  expect(job.body.cleared).toEqual([
    { column: 'properties.plan', count: 7 },
    { column: 'city', count: 3 },
  ]);
});

test.each([
  [{ mode: 'insert', matchBy: 'email' }, '/options/matchBy'],
  [{ mode: 'insert', emptyCells: 'keep' }, '/options/emptyCells'],
])(
  'the contradictory options %j are refused before the file is stored',
  async (options, pointer) => {
    const before = await api().storage.list('imports');
    const { body } = await start(options);
    expect(body).toMatchObject({ status: 422, errors: [{ pointer }] });
    expect(await api().storage.list('imports')).toEqual(before);
  },
);

test.each([
  [{ mode: 'update', matchBy: 'phone' }, '/options/matchBy'],
  [{ mode: 'update', emptyCells: 'skip' }, '/options/emptyCells'],
  [{ mode: 'updateonly' }, '/options/mode'],
  [{ mode: 'update', badCells: 'skipLine' }, '/options/badCells'],
])('the options %j have an unknown value and are refused', async (options, pointer) => {
  const { body } = await start(options);
  expect(body).toMatchObject({ status: 400, errors: [{ pointer }] });
});

test('an import that matches users by email address needs the column email, and no other column', async () => {
  const options = { mode: 'update', matchBy: 'email' };
  const { body } = await start(options, 'userId,city\n1,\n');
  expect(body).toMatchObject({ status: 422, errors: [{ pointer: '/file' }] });
  expect(body.detail).toContain('has no column email');
  expect((await start(options, 'email,city\na@x.example,x\n')).status).toBe(202);
});
