import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readHeader } from '../../imports/header.ts';
import { fieldNames, SYSTEM_FIELDS } from '../../selection/fields.ts';
import { fileOf, ONE_OF_EACH } from '../support/import-file.ts';

const headerOf = (content: string | Buffer) => readHeader(fileOf(content), ONE_OF_EACH);

test.each([
  [',', 'userId,properties.string'],
  [';', 'userId;properties.string'],
  ['\t', 'userId\tproperties.string'],
  [',', '"userId","properties.string"'],
  [';', '\uFEFF\n\n"userId";"properties.string"'],
])('finds the separator %j of %j', async (_separator, header) => {
  for (const content of [header, `${header}\r\na,b;c;d\te\n`, gzipSync(header)]) {
    expect(await headerOf(content)).toEqual({
      columns: [
        { name: 'userId', index: 0, target: 'userId', key: 'user_id', type: 'string' },
        { name: 'properties.string', index: 1, target: 'custom', key: 'string', type: 'string' },
      ],
    });
  }
});

test('takes every column an export has, and says which nobody sets by a file', async () => {
  const names = fieldNames(ONE_OF_EACH);
  const header = await headerOf(names.join(','));
  if ('errors' in header) throw new Error(JSON.stringify(header.errors));
  expect(header.columns.map(({ name }) => name)).toEqual(names);
  const ignored = header.columns.filter(({ target }) => target === 'ignored');
  expect(ignored.map(({ name }) => name)).toEqual(['legalHold', 'createdAt', 'updatedAt']);
  for (const { name, target, key } of header.columns) {
    const column = SYSTEM_FIELDS.find((field) => field.name === name)?.column;
    expect(key).toBe(target === 'custom' ? name.slice('properties.'.length) : column);
  }
});

test('userId alone is enough, anywhere', async () => {
  expect(await headerOf('userId\n1\n')).toMatchObject({ columns: [{ index: 0 }] });
  expect(await headerOf('city,userId')).toMatchObject({ columns: [{ index: 0 }, { index: 1 }] });
});

test.each([
  ['nothing', '', ['/file']],
  ['blank lines only', '\n\r\n\n', ['/file']],
  ['a byte-order mark only', '\uFEFF', ['/file']],
  ['no userId', 'firstName,lastName\n', ['/file']],
  ['userId in another case', 'userid,firstName\n', ['/file']],
  [
    'an unknown column',
    'userId,nickname,city,properties.none\n',
    ['/file/columns/1', '/file/columns/3'],
  ],
  ['a name with a space', 'userId, city\n', ['/file/columns/1']],
  [
    'a name of JavaScript',
    'userId,constructor,properties.__proto__\n',
    ['/file/columns/1', '/file/columns/2'],
  ],
  ['a column twice', 'userId,city,city,userId\n', ['/file/columns/2', '/file/columns/3']],
  ['columns without a name', 'userId,,city,\n', ['/file/columns/1', '/file/columns/3']],
  ['another separator', 'userId|city\n', ['/file']],
  ['a backup', 'workspaceId,userId,firstName,properties,writtenIn,insertedIn\n', ['/file']],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x75, 0x00]), ['/file']],
  ['gzip that is cut off', gzipSync('userId,city\n').subarray(0, 14), ['/file']],
  ['a quote that never ends', '"userId,city\n1,2\n', ['/file']],
  ['a header without an end', 'userId,'.repeat(200_000), ['/file']],
])('refuses a file of %s', async (_what, content, pointers) => {
  const header = await headerOf(content);
  expect(header).toEqual({
    errors: pointers.map((pointer) => ({ pointer, detail: expect.stringMatching(/\w/) })),
  });
});

test('tells of a backup what to do instead', async () => {
  expect(await headerOf('userId,properties\n')).toMatchObject({
    errors: [{ detail: expect.stringContaining('restore the backup') }],
  });
});

test('does not tell of more columns than a person reads', async () => {
  const header = await headerOf(`userId,${'x,'.repeat(1000)}`);
  expect('errors' in header && header.errors).toHaveLength(20);
});

test('reads no further than it must, and closes the file', async () => {
  const file = fileOf(`userId\n${'1\n'.repeat(100_000)}`, 1_000);
  await readHeader(file, ONE_OF_EACH);
  expect(file.destroyed).toBe(true);
});
