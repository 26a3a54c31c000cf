import { expect, test } from 'vitest';
import { entriesOf } from '../../../imports/user-list.ts';
import { chunksOf, countOf, fileOf, linesOf } from '../../support/steps/import-file.ts';

const entriesIn = async (content: string) => {
  const entries: string[] = [];
  for await (const piece of entriesOf(fileOf(content), {})) {
    entries.push(...piece.entries.map(({ entry }) => entry));
  }
  return entries;
};

test.each([
  ['in another order', 'userId,firstName\n7,AfirstName,userId\nB32,8\n'],
  ['after a mark', 'userId,firstName\n7,A\uFEFFfirstName,userId\nB32,8\n'],
  ['after a mark at the start of a line', 'userId,firstName\n7,A\n\uFEFFfirstName,userId\nB32,8\n'],
  ['padded', 'userId,firstName,\n7,AfirstName,userId,\nB32,8,\n'],
  ['with other columns', 'userId,firstName\n7,AuserId,lastName,city\n8,B,Rome\n'],
  ['with one column more', 'userId\n7userId,firstName\n8,B\n'],
  ['behind a line that has too few cells', 'userId,firstName\n7firstName,userId\nB32,8\n'],
  ['with another separator', 'userId\n7userId;firstName\n8;B\n'],
  ['behind a last cell, with another separator', 'userId,firstName\n7,AuserId;firstName\n8;B\n'],
])('a file is refused for a header that directly follows a value, %s', async (_what, content) => {
  for (const read of [chunksOf, countOf, entriesIn]) {
    await expect(read(content)).rejects.toMatchObject({
      type: expect.stringMatching('invalidHeader|invalidCsv') as string,
      line: content.includes('\n\uFEFF') ? 3 : 2,
    });
  }
});

test.each([
  ['userId\n7\nuserId;firstName\n8;B\n'],
  ['userId\n7\n\uFEFFuserId;firstName\n8;B\n'],
  ['userId;firstName\n7;A\nuserId,firstName\n8,B\n'],
  ['userId,firstName\n7,A\nfirstName|userId|city\nB|8|Rome\n'],
  ['userId;city\n7;A\ncity\tuserId\nRome\t8\n'],
])('a file is refused for another header with another separator: %j', async (content) => {
  for (const read of [chunksOf, countOf]) {
    await expect(read(content)).rejects.toMatchObject({ type: 'invalidHeader', line: 3 });
  }
});

test('a list of users is refused if its columns change within the file', async () => {
  for (const content of [
    'userId,name\n7,A\nname,userId\nB32,8\n',
    'userId,name\n7,A\n\uFEFFname,userId\nB32,8\n',
    'userId\n7\nuserId;name\n8;B\n',
    'userId\n7\n8userId\n9\n',
  ]) {
    await expect(entriesIn(content)).rejects.toMatchObject({ type: 'invalidHeader', line: 3 });
  }
});

test.each([
  ['userId\n1\n7userId\n2\n', ['1', '2']],
  ['userId\n1\n7\uFEFFuserId\n2\n', ['1', '7', '2']],
  ['email\na@x.example\nb@x.exampleemail\nc@x.example\n', ['a@x.example', 'c@x.example']],
  ['userId,firstName\n1,A\n7,BuserId,firstName\n2,C\n', ['1', '2']],
  ['userId,firstName\n1,A\n7,BuserId\n2,C\n', ['1', '2']],
  ['userId\n1\n7sep=;\nuserId\n2\n', ['1', '2']],
  ['userId;city\n1;A\n7;\uFEFFsep=;\nuserId;city\n2;C\n', ['1', '2']],
])('the same header directly after a value fails only its line: %j', async (content, keys) => {
  const matchBy = content.startsWith('email') ? 'email' : 'userId';
  const { rows, failed } = await linesOf(content, { matchBy });
  expect(rows.map(({ userId, mail }) => mail ?? userId)).toEqual(keys);
  if (keys.length === 3) return;
  expect(failed).toMatchObject([
    { line: 3, message: expect.stringContaining('no line break at its end') as string },
  ]);
});

test('values that contain or end with names of columns are accepted as values', async () => {
  const { rows } = await linesOf(
    'userId,email,city,tags\nuserIdx,,the userId,email;phone\nmy-userId,ann@berlin.city,email,\n' +
      'a,,Hotemail,\nb,,email,city\nc,,userId,tags\n',
  );
  expect(rows).toHaveLength(5);
  const mails = 'email\nann@my.email\nann@x-email.example\n';
  expect((await linesOf(mails, { matchBy: 'email' })).rows).toHaveLength(2);
  const channels = 'email,city\nann@berlin.city,email\nbob@x.example,email;phone\n';
  expect((await linesOf(channels, { matchBy: 'email' })).failed).toEqual([]);
  const ids = 'id\ndavid\nmadrid\n';
  expect((await linesOf(ids, { columns: { id: 'userId' } })).rows).toHaveLength(2);
  const one = 'userId\nmy-userId\nget userId\nphone;email\n';
  expect((await linesOf(one)).rows).toHaveLength(3);
});
