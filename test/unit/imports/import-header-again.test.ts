import { expect, test } from 'vitest';
import { guardedCell } from '../../support/http/guarded.ts';
import { chunksOf, countOf, linesOf } from '../../support/steps/import-file.ts';

test.each([
  ['the same', 'userId,firstName'],
  ['the same in quotes', '"userId","firstName"'],
  ['after a mark', '\uFEFFuserId,firstName'],
  ['after a mark, padded', '\uFEFFuserId,firstName,'],
  ['padded', 'userId,firstName,'],
])('a repeated header, %s, is not read as a user', async (_what, again) => {
  const { rows, failed } = await linesOf(`userId,firstName,\n1,Ann,\n${again}\n2,Bob\n${again}`);
  expect(rows.map(({ line, userId }) => [line, userId])).toEqual([
    [2, '1'],
    [4, '2'],
  ]);
  expect(failed).toEqual([]);
});

test('a line that is only similar to the header fails with a message or is read as a user', async () => {
  const two = await linesOf('userId,firstName\nUSERID,First Name\nuser-id,\nUSERID,Ada\nu1,Ann\n');
  expect(two.rows.map(({ userId }) => userId)).toEqual(['user-id', 'USERID', 'u1']);
  expect(two.failed.map(({ line, message }) => [line, message])).toEqual([
    [2, 'names the columns again, in another spelling'],
  ]);
  const one = await linesOf('userId\nUSERID\nuser_id\nUser ID\nuserId\nu1\n');
  expect(one.rows.map(({ userId }) => userId)).toEqual(['USERID', 'user_id', 'User ID', 'u1']);
});

test('a user id that begins with a byte-order mark is not confused with the id without the mark', async () => {
  const plain = await linesOf('userId\nu1\n\uFEFFu1\n', { spreadsheetSafe: null });
  expect(plain.rows.map(({ userId }) => userId)).toEqual(['u1']);
  expect(plain.failed.map(({ line, message }) => [line, message])).toEqual([
    [3, 'begins with a byte-order mark (U+FEFF); remove the mark'],
  ]);
  const guarded = await linesOf(`\uFEFFuserId\nu1\n${guardedCell('\uFEFFu1')}\n`, {
    spreadsheetSafe: null,
  });
  expect(guarded.rows.map(({ userId }) => userId)).toEqual(['u1', '\uFEFFu1']);
});

test('a repeated header is not counted as a line, also in a file with one column', async () => {
  const content = 'userId\n1\nuserId\n2\n\uFEFFuserId\n3\uFEFFuserId\n';
  expect((await linesOf(content)).rows.map(({ userId }) => userId)).toEqual(['1', '2', '3']);
  expect(await countOf(content)).toBe(3);
});

test.each([
  ['in another order', 'firstName,userId'],
  ['with another column', 'userId,lastName'],
  ['with one column more', 'userId,firstName,city'],
  ['with one column less', 'userId'],
  ['with a column nobody knows', 'userId,nickname'],
])('a file is refused for a second header %s', async (_what, again) => {
  for (const read of [chunksOf, countOf]) {
    await expect(read(`userId,firstName\n1,Ann\n${again}\nBob,2\n`)).rejects.toMatchObject({
      type: 'invalidHeader',
      line: 3,
    });
  }
});

test('users with ids like names of columns are read as users', async () => {
  const { rows } = await linesOf('userId,city\ncity,Rome\nemail,\nuser,city\n1,userId\nid,\n');
  expect(rows.map(({ userId }) => userId)).toEqual(['city', 'email', 'user', '1', 'id']);
});
