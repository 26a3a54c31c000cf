import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import {
  filePart,
  formOf,
  optionsPart,
  sendForm,
  uploadList,
} from '../../support/http/multipart.ts';
import { useApi } from '../support.ts';

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

const countEntries = async (): Promise<number> => {
  const { rows } = await query('SELECT count(*) AS n FROM user_list_entries');
  return rows[0].n;
};

const get = (id: string, rest = '') => api().call('GET', `/v1/user-lists/${id}${rest}`);

beforeAll(async () => {
  await api().addUsers('one', 30, 'u');
  await query(
    `UPDATE users SET email = CASE WHEN user_id < 'u-00010' THEN 'Mail-' || user_id || '@X.example'
       WHEN user_id < 'u-00012' THEN 'shared@x.example' END WHERE workspace_id = 'one'`,
  );
  await query(
    `INSERT INTO users (workspace_id, user_id, email) VALUES ('two', 'theirs', 'a@two.example')`,
  );
});

afterEach(async () => {
  const { rows } = await query('SELECT id FROM user_lists');
  for (const { id } of rows) await query('SELECT erase_user_list($1)', [id]);
});

test('a list is made from a file, and is shown without its entries', async () => {
  const file = 'name,userId\nA,u-00001\nB,u-00002\n\nC,u-00001\nD,\n';
  const answer = await uploadList(api(), gzipSync(file));
  expect(answer.status).toBe(201);
  const { id, createdAt, expiresAt } = answer.body;
  expect(answer.body).toEqual({
    id,
    matchBy: 'userId',
    entries: 2,
    repeated: 1,
    empty: 1,
    createdAt,
    expiresAt,
  });
  expect(answer.headers['location']).toBe(`/v1/user-lists/${id}`);
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(86_400_000);
  expect((await get(id)).body).toEqual(answer.body);
  expect((await api().call('GET', '/v1/user-lists')).body).toEqual({ data: [answer.body] });
  expect(api().log.join('\n')).not.toContain('u-0000');
});

test('email addresses are compared without case', async () => {
  const { body } = await uploadList(api(), 'email\nÄ@x.example\nä@X.example\nb@x.example\n');
  expect(body).toMatchObject({ matchBy: 'email', entries: 2, repeated: 1 });
});

test('entries that select no user are sent as CSV with their lines, guarded against formulas', async () => {
  const file =
    'email\nMAIL-u-00001@x.example\nnobody@x.example\nShared@x.example\n=cmd@x.example\na@two.example\n';
  const { body } = await uploadList(api(), file);
  const answer = await get(body.id, '/not-found');
  expect(answer.headers['content-type']).toContain('text/csv');
  expect(answer.headers['content-disposition']).toBe(
    `attachment; filename="user-list-${body.id}.csv"`,
  );
  expect(answer.text).toBe(
    '\uFEFFline,entry,reason,users\n3,nobody@x.example,notFound,0\n4,Shared@x.example,ambiguous,2\n' +
      "5,'=cmd@x.example,notFound,0\n6,a@two.example,notFound,0\n",
  );
  const plain = await get(body.id, '/not-found?spreadsheetSafe=false');
  expect(plain.text).toContain('\n5,=cmd@x.example,notFound,0\n');
  const { body: ids } = await uploadList(api(), 'userId\nu-00001\nU-00001\ntheirs\n');
  const left = await get(ids.id, '/not-found?spreadsheetSafe=false');
  expect(left.text).toBe('line,entry,reason,users\n3,U-00001,notFound,0\n4,theirs,notFound,0\n');
});

test.each([
  ['no header', 'u-1\nu-2\n', 'the first line has no column'],
  ['a workbook', Buffer.from('PK\x03\x04xl/workbook.xml'), 'is an Excel workbook'],
  ['a header alone', 'userId\n', 'no line has a value for'],
  ['a broken gzip file', gzipSync('userId\nu-1\n'.repeat(9)).subarray(0, 25), 'Line '],
  [
    'a line of other cells',
    `userId,name\n${'u-1,A\n'.repeat(3)}u-2\n`,
    'Line 5: the line has 1 cells',
  ],
])(
  'a file with %s answers 422 with the reason, and stores nothing',
  async (_what, file, message) => {
    const answer = await uploadList(api(), file);
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([
      { pointer: '/file', detail: expect.stringContaining(message) },
    ]);
    expect((await query('SELECT FROM user_lists')).rowCount).toBe(0);
    expect(await countEntries()).toBe(0);
  },
);

test('a file with an error far from its start stores none of its entries', async () => {
  const many = Array.from({ length: 25_000 }, (_, n) => `u-${n}\n`).join('');
  const answer = await uploadList(api(), `userId\n${many}"u\n`);
  expect(answer).toMatchObject({ status: 422, body: { detail: expect.stringContaining('25002') } });
  expect(await countEntries()).toBe(0);
});

test('a truncated form stores nothing of its file', async () => {
  const many = Array.from({ length: 25_000 }, (_, n) => `u-${n}\n`).join('');
  const form = formOf([optionsPart({}), filePart(`userId\n${many}`)]);
  const broken = form.subarray(0, form.length - 100);
  const answer = await sendForm(api(), broken, { url: '/v1/user-lists' });
  expect(answer.status).toBe(400);
  expect((await query('SELECT FROM user_lists')).rowCount).toBe(0);
  expect(await countEntries()).toBe(0);
});

test('invalid options and other media types are refused', async () => {
  const wrong = await uploadList(api(), 'userId\nu-1\n', { listOptions: { matchBy: 'phone' } });
  expect(wrong).toMatchObject({ status: 400, body: { errors: [{ pointer: '/options/matchBy' }] } });
  const other = await uploadList(api(), 'userId\nu-1\n', { listOptions: { matchBy: 'email' } });
  expect(other.status).toBe(422);
  const json = await api().call('POST', '/v1/user-lists', { body: { ids: ['u-1'] } });
  expect(json.status).toBe(415);
});

test('the same key with the same file returns the same list, and answers 422 for another file', async () => {
  const file = 'userId\nu-00001\n';
  const headers = { 'idempotency-key': 'list-1' };
  const first = await uploadList(api(), file, { headers });
  const again = await uploadList(api(), file, { headers });
  expect(again).toMatchObject({ status: 201, body: first.body });
  const other = await uploadList(api(), 'userId\nu-00002\n', { headers });
  expect(other).toMatchObject({ status: 422, body: { type: '/problems/idempotency-key-reused' } });
  const options = { headers, listOptions: { matchBy: 'userId' } };
  expect((await uploadList(api(), file, options)).status).toBe(422);
  expect(await countEntries()).toBe(1);
  await query(`UPDATE user_lists SET expires_at = now() - interval '1 second'`);
  const later = await uploadList(api(), 'userId\nu-00002\n', { headers });
  expect(later.status).toBe(201);
  expect(later.body.id).not.toBe(first.body.id);
});

test('simultaneous requests with one key create one list', async () => {
  const headers = { 'idempotency-key': 'list-race' };
  const answers = await Promise.all(
    [1, 2, 3, 4].map(() => uploadList(api(), 'userId\nu-00001\nu-00002\n', { headers })),
  );
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(await countEntries()).toBe(2);
});

test('a workspace has at most 20 lists, and a removed list makes room for another', async () => {
  const answers = [];
  for (let n = 0; n < 21; n++) answers.push(await uploadList(api(), 'userId\nu-00001\n'));
  expect(answers.slice(0, 20).every(({ status }) => status === 201)).toBe(true);
  expect(answers[20]).toMatchObject({ status: 409, body: { type: '/problems/limit-reached' } });
  expect((await uploadList(api(), 'userId\nu\n', { key: api().keys.two })).status).toBe(201);
  const { id } = answers[0]!.body;
  expect((await api().call('DELETE', `/v1/user-lists/${id}`)).status).toBe(204);
  expect((await uploadList(api(), 'userId\nu-00001\n')).status).toBe(201);
});

test('a list that is removed, expired, unknown or of another workspace is not found', async () => {
  const { body: gone } = await uploadList(api(), 'userId\nu-00001\n');
  await api().call('DELETE', `/v1/user-lists/${gone.id}`);
  expect(await countEntries()).toBe(0);
  const { body: old } = await uploadList(api(), 'userId\nu-00001\n');
  await query(`UPDATE user_lists SET expires_at = now()`);
  const { body: theirs } = await uploadList(api(), 'userId\ntheirs\n', { key: api().keys.two });
  for (const id of [gone.id, old.id, theirs.id, uuidv7()]) {
    expect((await get(id)).status).toBe(404);
    expect((await get(id, '/not-found')).status).toBe(404);
    expect((await api().call('DELETE', `/v1/user-lists/${id}`)).status).toBe(404);
    const selection = { type: 'list', listId: id };
    for (const path of ['/v1/exports', '/v1/deletion-previews']) {
      const answer = await api().call('POST', path, { body: { selection } });
      expect(answer).toMatchObject({
        status: 404,
        body: { errors: [{ pointer: '/selection/listId' }] },
      });
    }
  }
});
