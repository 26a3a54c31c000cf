import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ImportFileError } from '../../../imports/file-error.ts';
import { storableLine } from '../../../imports/log/failed-lines.ts';
import { MAX_LINES } from '../../../imports/lines.ts';
import { MAX_CHUNK_LINES, readChunks } from '../../../imports/read-chunks.ts';
import { fieldNames } from '../../../selection/fields.ts';
import {
  chunksOf,
  countLines,
  countOf,
  fileOf,
  linesOf,
  ONE_OF_EACH,
  quoted,
} from '../../support/steps/import-file.ts';

test('every value is in its stored form, and an empty cell is an unknown value', async () => {
  const names = fieldNames(ONE_OF_EACH);
  const cells: Record<string, string> = {
    userId: "'=u",
    firstName: "'s-Hertogenbosch",
    email: 'a@example.com',
    phone: '12345',
    dob: '2024-02-29',
    emailOptin: 'TRUE',
    tags: 'a;b',
    legalHold: 'true',
    createdAt: 'of no matter',
    'properties.boolean': 'false',
    'properties.date': '2024-01-01',
    'properties.datetime': '2024-01-01T00:00:00+01:00',
    'properties.list': "'-a;b",
    'properties.number': '-1.50',
    'properties.string': '"""quoted"",\nof two lines"',
  };
  const line = names.map((name) => cells[name] ?? '').join(',');
  const { rows, failed } = await linesOf(`${names.join(',')}\n${line}\n`);
  expect(failed).toEqual([]);
  const [row] = rows;
  expect(row?.payload()).toBe(line);
  expect(row).toMatchObject({ line: 2, userId: '=u' });
  expect(row?.columns).toEqual({
    first_name: "'s-Hertogenbosch",
    last_name: null,
    gender: null,
    country: null,
    city: null,
    language: null,
    timezone: null,
    email: 'a@example.com',
    phone: '12345',
    last_channel: null,
    dob: '2024-02-29',
    email_optin: true,
    sms_optin: null,
    whats_app_optin: null,
    tags: ['a', 'b'],
  });
  expect(row?.properties).toEqual({
    boolean: false,
    date: '2024-01-01',
    datetime: '2023-12-31T23:00:00.000000Z',
    email: null,
    list: ['-a', 'b'],
    number: -1.5,
    phone: null,
    string: '"quoted",\nof two lines',
    time: null,
    url: null,
  });
});

test('a line has only the columns of the file, and no values of the line before', async () => {
  const { rows } = await linesOf('city,userId\nA,1\n,2\n');
  expect(rows.map(({ columns, properties }) => ({ columns, properties }))).toEqual([
    { columns: { city: 'A' }, properties: {} },
    { columns: { city: null }, properties: {} },
  ]);
});

test('failed lines stop no other line, and report each error by column and rule', async () => {
  const { rows, failed } = await linesOf(
    'userId,email,properties.number\n1,a@b.c,1\n,x@example.com,1\n3,secret,one\n4,a@b.c\n5,a@b.c,5,5\n' +
      `${'6'.repeat(256)},,\n7,,\n`,
  );
  expect(rows.map(({ userId }) => userId)).toEqual(['1', '7']);
  expect(failed.map(({ line, code, payload }) => [line, code, payload.slice(0, 20)])).toEqual([
    [3, 'propertyRequired', ',x@example.com,1'],
    [4, 'invalidDataType', '3,secret,one'],
    [5, 'wrongCellCount', '4,a@b.c'],
    [6, 'wrongCellCount', '5,a@b.c,5,5'],
    [7, 'invalidDataType', '6'.repeat(20)],
  ]);
  expect(failed[1]?.message).toMatch(/^email must be .*; properties\.number must be /);
  expect(failed[2]?.message).toBe('has 2 cells, but the header has 3');
  expect(failed[4]?.message).toMatch(/^userId must have at most 255 characters$/);
  for (const { message } of failed) expect(message).not.toContain('secret');
});

test('lines are numbered as in an editor, also with blank lines and line breaks in cells', async () => {
  const { rows, failed } = await linesOf('\r\nuserId,city\r\n1,"a\r\nb"\r\n\r\n\r\n2\r\n3,c\r\n');
  expect(rows.map(({ line }) => line)).toEqual([3, 8]);
  expect(failed.map(({ line }) => line)).toEqual([7]);
});

test('each reported line can be stored: NUL is replaced', async () => {
  const { rows, failed } = await linesOf('userId,city,createdAt\n1,a\0b,\n2,c,\0\n');
  expect(failed.map((line) => storableLine(line).payload)).toEqual(['1,a\uFFFDb,']);
  expect(rows.map(({ payload }) => payload())).toEqual(['2,c,\0']);
});

test('a file with only a header has no chunks and no lines', async () => {
  expect(await chunksOf('userId,city\n')).toEqual([]);
  expect(await countOf('userId,city\n')).toBe(0);
});

test('the count includes all lines to read, also failed lines', async () => {
  const content = `userId,email\n1,\n\n,\n2,"no\naddress"\n3\n${'4,a@example.com\n'.repeat(9_999)}`;
  for (const file of [content, gzipSync(content)]) {
    const { rows, failed } = await linesOf(file);
    expect(failed).toHaveLength(2);
    expect(await countOf(file)).toBe(rows.length + failed.length);
  }
});

test.each([
  ['invalidCsv', Buffer.from('4,"a')],
  ['invalidCsv', Buffer.from('4,a"b"')],
  ['notUtf8', Buffer.from([0x34, 0x2c, 0xff])],
  ['recordTooLong', Buffer.from(`4,${'a'.repeat(2 * 1024 * 1024)}`)],
])('counting finds %s at the very end of the file', async (type, end) => {
  const content = Buffer.concat([Buffer.from(`userId,city\n${'1,a\n'.repeat(100_000)}`), end]);
  await expect(countOf(content)).rejects.toMatchObject({ type, line: 100_002 });
});

test('a file of more than 5,000,000 lines is refused at the first line beyond the limit', async () => {
  const lines = Buffer.from('1\n'.repeat(100_000));
  const pieces = Array.from({ length: MAX_LINES / 100_000 }, () => lines);
  const file = Readable.from([Buffer.from('userId\n'), ...pieces, Buffer.from('2\n')]);
  await expect(countLines(file)).rejects.toMatchObject({
    type: 'tooManyRows',
    line: MAX_LINES + 2,
  });
});

test('a file without a header, or with unknown columns, is refused', async () => {
  for (const [content, type] of [
    ['', 'empty'],
    ['userId,nickname\n1,2\n', 'invalidHeader'],
  ] as const) {
    for (const read of [chunksOf, countOf]) {
      const error: unknown = await read(content).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ImportFileError);
      expect(error).toMatchObject({ type, line: 1 });
    }
  }
});

test('chunks are numbered, full, and the same for any size of pieces', async () => {
  const lineCount = 2 * MAX_CHUNK_LINES + 5;
  const lines = Array.from({ length: lineCount }, (_, i) => (i % 7 === 0 ? `,${i}` : `u${i},${i}`));
  const content = `userId,city\n${lines.join('\n')}\n`;
  const shapeOf = async (pieceBytes: number) =>
    (await chunksOf(content, { pieceBytes })).map(({ chunk, lines: count, rows, failed }) => ({
      chunk,
      count,
      lines: [...rows, ...failed].map(({ line }) => line).toSorted((a, b) => a - b),
    }));
  const chunks = await shapeOf(65_536);
  expect(chunks.map(({ chunk, count }) => [chunk, count])).toEqual([
    [1, MAX_CHUNK_LINES],
    [2, MAX_CHUNK_LINES],
    [3, 5],
  ]);
  expect(chunks.flatMap((chunk) => chunk.lines)).toEqual(lines.map((_, i) => i + 2));
  for (const pieceBytes of [997, 300_000]) expect(await shapeOf(pieceBytes)).toEqual(chunks);
});

test('a chunk of long lines ends at 16 MiB', async () => {
  const long = `u,${'x'.repeat(1_000_000)}`;
  const chunks = await chunksOf(`userId,createdAt\n${`${long}\n`.repeat(40)}`);
  expect(chunks.map(({ lines }) => lines)).toEqual([16, 16, 8]);
});

test('a line with many wrong cells reports some of them and the number of the others', async () => {
  const types = new Map(Array.from({ length: 200 }, (_, n) => [`p${n}`, 'phone'] as const));
  const names = [...types.keys()].map((name) => `properties.${name}`);
  const content = `userId,${names.join()}\nu1${',1E9'.repeat(200)}\n`;
  for await (const { failed } of readChunks(fileOf(content), { types })) {
    expect(failed[0]?.message).toMatch(/^properties\.p0 was changed .*; and 190 more$/);
    expect(failed[0]?.message.length).toBeLessThan(3_000);
  }
  expect.assertions(2);
});

test('columns without a name are ignored if they are empty', async () => {
  const { rows, failed } = await linesOf(
    'userId,city,,\n1,A,,\n2,B\n3,C,\n4,D,,x\n5,E,,,\n6,F,,,,\n7\n,,,\n,,,,,,,\n',
  );
  expect(rows.map(({ userId, payload }) => [userId, payload()])).toEqual([
    ['1', '1,A'],
    ['2', '2,B'],
    ['3', '3,C'],
  ]);
  expect(failed.map(({ line, code, message }) => [line, code, message])).toEqual([
    [5, 'wrongCellCount', 'has a value in a column without a name'],
    [
      6,
      'wrongCellCount',
      'has 5 cells, but the header has 4: one empty cell too many at the end of the line',
    ],
    [
      7,
      'wrongCellCount',
      'has 6 cells, but the header has 4: 2 empty cells too many at the end of the line',
    ],
    [8, 'wrongCellCount', 'has 1 cells, but the header has 2'],
  ]);
});

test('the message for one additional empty cell names it as one', async () => {
  const { failed } = await linesOf('userId,city\n1,A,\n2,B,,\n3,C,x\n');
  expect(failed.map(({ message }) => message)).toEqual([
    'has 3 cells, but the header has 2: one empty cell too many at the end of the line',
    'has 4 cells, but the header has 2: 2 empty cells too many at the end of the line',
    'has 3 cells, but the header has 2',
  ]);
});

test('the error of a header has no content of the file, except a name that is near a known column', async () => {
  const content = 'secret@mail.example,Secret Name,userid\n';
  const error: unknown = await countOf(content).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ type: 'invalidHeader', line: 1 });
  expect(String(error)).not.toMatch(/secret/i);
  expect(String(error)).toContain('/file/columns/2 : did you mean `userId`?');
});

const cell = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));

test('lines that are written with any separator are read back unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }),
      fc.constantFrom(',', ';', '\t'),
      fc.constantFrom('\n', '\r\n', '\r'),
      async (users, separator, lineBreak) => {
        const lines = users.map(([first, last], index) => [`u${index}`, first, last]);
        const content = [['userId', 'firstName', 'lastName'], ...lines]
          .map((cells) => cells.map(quoted).join(separator))
          .join(lineBreak);
        const { rows, failed } = await linesOf(content, { spreadsheetSafe: false, pieceBytes: 13 });
        expect(failed).toEqual([]);
        expect(rows.map(({ columns }) => [columns['first_name'], columns['last_name']])).toEqual(
          users.map((names) => names.map((name) => name || null)),
        );
      },
    ),
    { numRuns: 200 },
  );
});

const rowsOf = async (csv: string, spreadsheetSafe: boolean | null) =>
  (await linesOf(csv, { spreadsheetSafe, pieceBytes: 2 })).rows;

test('a file is treated as guarded if it has a byte-order mark, unless the request states otherwise', async () => {
  const header = 'userId,properties.string,properties.list,properties.number';
  const text = `${header}\n1,'=a,b;'=c,-1\n`;
  const guarded = [{ properties: { string: '=a', list: ['b', '=c'], number: -1 } }];
  const asIs = [{ properties: { string: "'=a", list: ['b', "'=c"], number: -1 } }];
  const marked = `\uFEFF${text}`;
  expect(await rowsOf(marked, null)).toMatchObject(guarded);
  expect(await rowsOf(`\uFEFF\r\n${text}`, null)).toMatchObject(guarded);
  expect(await rowsOf(text, null)).toMatchObject(asIs);
  expect(await rowsOf(marked, false)).toMatchObject(asIs);
  expect(await rowsOf(text, true)).toMatchObject(guarded);
});
