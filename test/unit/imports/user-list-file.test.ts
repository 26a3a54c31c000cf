import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ImportFileError } from '../../../imports/file-error.ts';
import {
  entriesOf,
  type ListEntry,
  type ListOptions,
  MAX_LIST_ENTRIES,
} from '../../../imports/user-list.ts';
import { fileOf } from '../../support/steps/import-file.ts';

const read = async (content: string | Buffer, options: ListOptions = {}, pieceBytes?: number) => {
  const entries: ListEntry[] = [];
  let matchBy: string | undefined;
  let empty = 0;
  for await (const piece of entriesOf(fileOf(content, pieceBytes), options)) {
    entries.push(...piece.entries);
    ({ matchBy } = piece);
    empty += piece.empty;
  }
  return { matchBy, empty, entries: entries.map(({ line, entry }) => `${line}:${entry}`) };
};

const failureOf = async (content: string | Buffer, options?: ListOptions): Promise<string> => {
  try {
    return JSON.stringify(await read(content, options));
  } catch (error) {
    if (!(error instanceof ImportFileError)) throw error;
    return `${error.type} ${error.message}`;
  }
};

test('a list is read from the column userId, else from email, beside any other columns', async () => {
  expect(await read('userId\nu-1\nu-2')).toEqual({
    matchBy: 'userId',
    empty: 0,
    entries: ['2:u-1', '3:u-2'],
  });
  const both = 'email,firstName,userId\na@x.example,"Ada, ""Q""",u-1\n,,u-2\nb@x.example,,\n';
  expect(await read(both)).toMatchObject({
    matchBy: 'userId',
    entries: ['2:u-1', '3:u-2'],
    empty: 1,
  });
  expect(await read(both, { matchBy: 'email' })).toMatchObject({
    matchBy: 'email',
    entries: ['2:a@x.example', '4:b@x.example'],
    empty: 1,
  });
  expect(await read('email\nA@x.example\n')).toMatchObject({ matchBy: 'email' });
});

test.each([
  ['semicolons and a mark', '\uFEFFname;userId\r\nAda;u-1\r\n\r\n;u-2\r\n'],
  ['tabs', 'name\tuserId\nAda\tu-1\n\n\tu-2\n'],
  ['a separator of its own', 'sep=|\nname|userId\nAda|u-1\n|u-2\n'],
  ['gzip', gzipSync('name,userId\nAda,u-1\n\n,u-2\n')],
  ['padding without a name', 'name,userId,,\nAda,u-1,,\n\n,u-2\n'],
  ['joined files', 'name,userId\nAda,u-1\n\uFEFFname,userId\n,u-2\n'],
])('files with %s are read, in pieces of any size', async (_what, content) => {
  for (const pieceBytes of [1, 7, 65_536]) {
    const { entries } = await read(content, {}, pieceBytes);
    expect(entries.map((entry) => entry.replace(/^\d+:/, ''))).toEqual(['u-1', 'u-2']);
  }
});

test('lines are numbered as in an editor, also after cells with several lines', async () => {
  const { entries } = await read('note,userId\n"a\nb",u-1\n\nx,u-2\n');
  expect(entries).toEqual(['2:u-1', '5:u-2']);
});

const entriesIn = async (content: string, options?: ListOptions) =>
  (await read(content, options)).entries;

test('blanks are removed from email addresses, which never contain them, and not from ids', async () => {
  expect(await entriesIn('email\n ada@x.example\u00A0\n \n')).toEqual(['2:ada@x.example']);
  expect(await entriesIn('userId\n u-1\n \n')).toEqual(['2: u-1', '3: ']);
});

test('the guard against formulas is removed from a marked file, as in imports', async () => {
  expect(await entriesIn("\uFEFFuserId\n'-17\n'=a\n's\n")).toEqual(['2:-17', '3:=a', "4:'s"]);
  expect(await entriesIn("userId\n'-17\n")).toEqual(["2:'-17"]);
  expect(await entriesIn("userId\n'-17\n", { spreadsheetSafe: true })).toEqual(['2:-17']);
  expect(await entriesIn("\uFEFFuserId\n'-17\n", { spreadsheetSafe: false })).toEqual(["2:'-17"]);
});

test.each([
  ['nothing', '', 'empty Line 1'],
  ['a header alone', 'userId\n\n', 'empty Line 1: no line has a value for userId'],
  ['empty cells alone', 'userId,city\n,Pune\n', 'empty Line 1: no line has a value for'],
  ['no header', 'u-1\nu-2\n', 'invalidHeader Line 1: the first line has no column userId or email'],
  ['no header, of mails', 'ada@x.example\n', 'invalidHeader Line 1: the first line has no column'],
  [
    'other columns',
    'name,city\nAda,Pune\n',
    'invalidHeader Line 1: no column has exactly the name userId or',
  ],
  ['a name nearly right', 'User ID\nu-1\n', 'did you mean `userId`?'],
  [
    'another separator',
    'userId|city\nu-1|Pune\n',
    'to use another separator, put a line such as sep=| first',
  ],
  ['a column twice', 'userId,userId\na,b\n', 'invalidHeader Line 1: the column userId is repeated'],
  ['too many cells', 'name,userId\nQ, Ada,u-1\n', 'invalidCsv Line 2: the line has 3 cells'],
  ['too few cells', 'name,userId\nAda,u-1\nu-2\n', 'invalidCsv Line 3: the line has 1 cells'],
  ['columns named anew', 'userId,name\nu-1,A\nuserId,city\n', 'invalidHeader Line 3'],
  ['a cell too long', `userId\n${'x'.repeat(256)}\n`, 'recordTooLong Line 2'],
  ['a NUL', 'userId\nu-\u00001\n', 'Line 2'],
  ['a quote that never ends', 'userId\n"u-1\n', 'invalidCsv Line 2'],
  ['another kind of file', 'PK\x03\x04xl/workbook.xml'.padEnd(5_000, 'x'), 'notCsv Line 1'],
  ['what is not UTF-8', Buffer.from('userId\nM\xfcller\n', 'latin1'), 'notUtf8 Line 2'],
])('a file with %s is refused with its reason and line', async (_what, content, message) => {
  expect(await failureOf(content)).toContain(message);
});

test('the error for a missing header does not quote the first line, which may be an entry', async () => {
  expect(await failureOf('ada@x.example\nbob@x.example\n')).not.toContain('ada');
  expect(await failureOf('userId\nu-1\n', { matchBy: 'email' })).toContain('invalidHeader');
});

/** The number of entries that are read from a list with this many lines. */
const countOf = async (count: number): Promise<number> => {
  let read = 0;
  const file = fileOf(`userId\n${'u\n'.repeat(count)}`);
  for await (const { entries } of entriesOf(file, {})) read += entries.length;
  return read;
};

test('a list may have 1,000,000 entries, and the error for more entries names the line', async () => {
  expect(await countOf(MAX_LIST_ENTRIES)).toBe(1_000_000);
  await expect(countOf(MAX_LIST_ENTRIES + 1)).rejects.toMatchObject({
    type: 'tooManyRows',
    line: 1_000_002,
  });
});
