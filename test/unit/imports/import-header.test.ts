import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readHeader } from '../../../imports/header.ts';
import { fieldNames, SYSTEM_FIELDS } from '../../../selection/fields.ts';
import { fileOf, linesOf, ONE_OF_EACH } from '../../support/steps/import-file.ts';

const headerOf = (content: string | Buffer) => readHeader(fileOf(content), { types: ONE_OF_EACH });

test.each([
  [',', 'userId,properties.string'],
  [';', 'userId;properties.string'],
  ['\t', 'userId\tproperties.string'],
  [',', '"userId","properties.string"'],
  [';', '\uFEFF\n\n"userId";"properties.string"'],
])('the separator %j is found in %j', async (_separator, header) => {
  for (const content of [header, `${header}\r\na,b;c;d\te\n`, gzipSync(header)]) {
    expect(await headerOf(content)).toEqual({
      columns: [
        {
          name: 'userId',
          index: 0,
          target: 'key',
          field: 'userId',
          key: 'user_id',
          type: 'string',
        },
        {
          name: 'properties.string',
          field: 'properties.string',
          index: 1,
          target: 'custom',
          key: 'string',
          type: 'string',
        },
      ],
    });
  }
});

test('every column of an export is accepted, and columns that a file cannot set are ignored', async () => {
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

test('userId alone is enough, in any position', async () => {
  expect(await headerOf('userId\n1\n')).toMatchObject({ columns: [{ index: 0 }] });
  expect(await headerOf('city,userId')).toMatchObject({ columns: [{ index: 0 }, { index: 1 }] });
});

test.each([
  ['nothing', '', ['/file']],
  ['blank lines only', '\n\r\n\n', ['/file']],
  ['a byte-order mark only', '\uFEFF', ['/file']],
  ['no userId', 'firstName,lastName\n', ['/file']],
  [
    'no userId and other faults',
    'firstName,,nick\n',
    ['/file', '/file/columns/1', '/file/columns/2'],
  ],
  ['userId in another case', 'userid,firstName\n', ['/file/columns/0']],
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
  ['a column without a name', 'userId,,city,\n', ['/file/columns/1']],
  ['another separator', 'userId|city\n', ['/file', '/file/columns/0']],
  ['a backup', 'workspaceId,userId,firstName,properties,writtenIn,insertedIn\n', ['/file']],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x75, 0x00]), ['/file']],
  ['gzip that is cut off', gzipSync('userId,city\n').subarray(0, 14), ['/file']],
  ['a quote that never ends', '"userId,city\n1,2\n', ['/file']],
  ['a header without an end', 'userId,'.repeat(200_000), ['/file']],
])('a file of %s is refused', async (_what, content, pointers) => {
  const header = await headerOf(content);
  expect(header).toEqual({
    count: pointers.length,
    errors: pointers.map((pointer) => ({ pointer, detail: expect.stringMatching(/\w/) })),
  });
});

test('the error for a backup recommends a restore', async () => {
  expect(await headerOf('userId,properties\n')).toMatchObject({
    errors: [{ detail: expect.stringContaining('restore the backup') }],
  });
});

test('all wrong columns are named, up to 350', async () => {
  const header = await headerOf(`userId,${'x,'.repeat(1000)}`);
  if (!('errors' in header)) throw new Error('a header of unknown columns is taken');
  expect(header.count).toBe(1_000);
  expect(header.errors).toHaveLength(351);
  expect(header.errors.at(-1)).toEqual({
    detail: 'has 650 more columns with errors',
    pointer: '/file',
  });
});

const detailsOf = async (content: string) => {
  const header = await headerOf(content);
  return 'errors' in header ? header.errors.map(({ detail }) => detail) : [];
};

test.each([
  ['userid', '`userid`: did you mean `userId`?'],
  ['USERID', '`USERID`: did you mean `userId`?'],
  ['User ID', '`User ID`: did you mean `userId`?'],
  ['user_id', '`user_id`: did you mean `userId`?'],
  ['userld', '`userld`: did you mean `userId`?'],
  ['usreId', '`usreId`: did you mean `userId`?'],
  [' userId', '`[U+0020]userId`: did you mean `userId`?'],
  ['userId ', '`userId[U+0020]`: did you mean `userId`?'],
  ['userId\u200B', '`userId[U+200B]`: did you mean `userId`?'],
  ['user\u00ADId', '`user[U+00AD]Id`: did you mean `userId`?'],
  ['\u00A0userId', '`[U+00A0]userId`: did you mean `userId`?'],
  ['user\u3164Id', '`user[U+3164]Id`: did you mean `userId`?'],
  ['user\0Id', '`user[U+0000]Id`: did you mean `userId`?'],
  ['us\u0435rId', '`us[U+0435]rId`: did you mean `userId`?'],
  ['ｕｓｅｒＩｄ', '`ｕｓｅｒＩｄ`: did you mean `userId`?'],
])('the error for the column %j asks whether userId was meant', async (name, detail) => {
  expect(await detailsOf(`${name},firstName\n1,Ann\n`)).toEqual([detail]);
});

test.each([
  ['First Name', 'firstName'],
  ['E-Mail', 'email'],
  ['Lastname', 'lastName'],
  ['whatsapp_optin', 'whatsAppOptin'],
  ['tag', 'tags'],
  ['phnoe', 'phone'],
  ['string', 'properties.string'],
  ['Properties.String', 'properties.string'],
  ['property.string', 'properties.string'],
  ['properties.sting', 'properties.string'],
])('the error for the column %j asks whether %j was meant', async (name, meant) => {
  const [detail, ...others] = await detailsOf(`userId,${name}\n`);
  expect(detail).toContain(`did you mean \`${meant}\`?`);
  expect(others).toEqual([]);
});

test('no name is suggested for a column that is similar to none, or to a column that the file has', async () => {
  const details = await detailsOf('userId,nickname,UserId,id,z,properties.none,größe,Δ\n');
  expect(details).toHaveLength(7);
  for (const detail of details) expect(detail).toMatch(/^`.+` is not a /);
  expect(details[0]).toMatch(/^`nickname` is not a known property/);
  expect(details[5]).toMatch(/^`größe` is/);
});

test('all errors of a header are reported at once, each with its name', async () => {
  expect(await detailsOf('userid,first name,Shoe Size,city,city,properties.none\n')).toEqual([
    '`userid`: did you mean `userId`?',
    '`first name`: did you mean `firstName`?',
    expect.stringMatching(/^`Shoe Size` is not a known property/),
    '`city` is repeated',
    expect.stringMatching(/^`properties.none` is not a property of this workspace/),
  ]);
});

test('a long name is shown in part, and control characters by their code points', async () => {
  expect(await detailsOf(`userId,${'n'.repeat(5_000)}\n`)).toEqual([
    expect.stringMatching(/^`n{80}…` is not a known property/),
  ]);
  expect(await detailsOf('userId,"a\nb\u2028c"\n')).toEqual([
    expect.stringMatching(/^`a\[U\+000A\]b\[U\+2028\]c` is not a known/),
  ]);
});

test('the error for the row numbers of pandas states how to leave them out', async () => {
  expect(await detailsOf(',userId\n0,1\n')).toEqual([expect.stringContaining('index=False')]);
});

test.each([
  ['userId,city,\n', 2],
  ['userId,city,,,,\n', 2],
  ['userId;city; ;\u200B;\n', 2],
  ['userId,"",""\n', 1],
])('columns without a name at the end of %j are left out', async (content, count) => {
  const header = await headerOf(content);
  expect('columns' in header && header.columns).toHaveLength(count);
});

test('the error for another separator states how a file names its separator', async () => {
  expect(await detailsOf('userId|city\n')).toEqual([
    expect.stringContaining('sep=|'),
    expect.stringMatching(/^`userId\|city` is no/),
  ]);
});

test('lines below a header with very many empty columns are read', async () => {
  const { rows } = await linesOf(`userId${','.repeat(600_000)}\n1\n`);
  expect(rows.map(({ userId }) => userId)).toEqual(['1']);
});

test('reading a header stops early and closes the file', async () => {
  const file = fileOf(`userId\n${'1\n'.repeat(100_000)}`, 1_000);
  await readHeader(file, { types: ONE_OF_EACH });
  expect(file.destroyed).toBe(true);
});
