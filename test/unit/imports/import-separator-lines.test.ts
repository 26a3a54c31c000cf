import { expect, test } from 'vitest';
import { entriesOf } from '../../../imports/user-list.ts';
import { chunksOf, countOf, fileOf, linesOf } from '../../support/steps/import-file.ts';

const idsOf = async (content: string) =>
  (await linesOf(content)).rows.map(({ userId }) => userId).join();

const entriesIn = async (content: string) => {
  const entries: string[] = [];
  for await (const piece of entriesOf(fileOf(content), {})) {
    entries.push(...piece.entries.map(({ entry }) => entry));
  }
  return entries.join();
};

/** The error that refuses the whole file. */
const refusalOf = async (read: (content: string) => Promise<unknown>, content: string) => {
  const error: unknown = await read(content).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error.message : 'was read';
};

test.each([
  ['userId,firstName\n1,A\nsep=,\nuserId,firstName\n2,B\n'],
  ['userId;firstName\n1;A\n\nSEP=;\n\uFEFFuserId;firstName\n2;B\n'],
  ['userId;firstName\n1;A\n"sep=;"\nuserId;firstName\n2;B\n'],
  ['userId;firstName\n1;A\nsep=;;\n\nuserId;firstName\n2;B\n'],
  ['sep=;\nuserId;firstName\n1;A\nsep=;\nuserId;firstName\n2;B\n'],
  ['userId\n1\nsep=,\nuserId\n2\n'],
  ['userId\n1\nsep=;\nuserId\n2\n'],
  ['userId\n1\n\uFEFFsep=\t\r\nuserId\n2'],
])(
  'a line that names the separator before a repeated header is not read as a user: %j',
  async (content) => {
    expect(await idsOf(content)).toBe('1,2');
    expect(await entriesIn(content)).toBe('1,2');
    expect(await countOf(content)).toBe(2);
  },
);

test.each([
  ['userId,firstName\n1,A\nsep=,\n2,B\n', 3],
  ['userId;firstName\n1;A\n2;B\nsep=;', 4],
  ['userId\n1\nsep=;\n2\n', 3],
  ['userId\n1\nsep=\n2\n', 3],
  ['sep=;\nuserId;city\n1;A\nsep=;\n2;B\n', 4],
  ['userId\n1\nsep=|\nsep=|\nuserId\n2\n', 3],
])('a line that names the separator without a header after it fails: %j', async (content, line) => {
  const { rows, failed } = await linesOf(content);
  expect(rows.map(({ userId }) => userId)).toEqual(['1', '2']);
  expect(failed).toMatchObject([
    { line, message: expect.stringContaining('names a separator') as string },
  ]);
  expect(await refusalOf(entriesIn, content)).toContain(`Line ${line}: the line names a separator`);
});

test.each([
  ['userId,firstName\n1,A\nsep=;\nuserId;firstName\n2;B\n', 'a semicolon'],
  ['userId;firstName\n1;A\nsep=,\nuserId,firstName\n2,B\n', 'a comma'],
  ['sep=|\nuserId|firstName\n1|A\n"sep=\t"\nuserId\tfirstName\n', 'a tab'],
])('a file is refused for a line that names another separator: %j', async (content, what) => {
  for (const read of [chunksOf, countOf, entriesIn]) {
    expect(await refusalOf(read, content)).toContain(
      `${what} is named as the separator, but the file`,
    );
  }
});

test.each([
  ['sep=,,\nuserId,firstName,city\n1,A,\n'],
  ['sep=;;;\nuserId;firstName;city\n1;A;\n'],
  ['"sep=;";;\nuserId;firstName;city\n1;A;\n'],
  ['"sep=","",""\nuserId,firstName,city\n1,A,\n'],
  ['sep=;,,\nuserId;firstName\n1;A\n'],
  ['sep=;\nuserId\n1\n'],
])('a first line that names the separator may be padded: %j', async (content) => {
  expect(await idsOf(content)).toBe('1');
});

test.each([
  ['sep=;\nuserId,firstName\n1,A\n', 'a semicolon', 'a comma'],
  ['sep=,\nuserId;firstName\n1;A\n', 'a comma', 'a semicolon'],
  ['sep=;,,\nuserId,firstName,city\n1,A,\n', 'a semicolon', 'a comma'],
  ['sep=|\nuserId\tfirstName\n', '`|`', 'a tab'],
])(
  'a file is refused when its first line names another separator than its header has: %j',
  async (content, ...what) => {
    for (const word of what) expect(await refusalOf(chunksOf, content)).toContain(word);
    expect(await refusalOf(entriesIn, content)).toContain(
      'but this line with the column names uses',
    );
  },
);

test('the name of a column may contain another separator', async () => {
  const { rows } = await linesOf('sep=;\n"Name, first"\n1\n', {
    columns: { 'Name, first': 'userId' },
  });
  expect(rows.map(({ userId }) => userId)).toEqual(['1']);
});
