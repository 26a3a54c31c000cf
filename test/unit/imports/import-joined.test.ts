import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { recordsOf } from '../../../imports/records.ts';
import {
  CUTS,
  failureOf,
  fileOf,
  readRecords as read,
  writeCell as write,
} from '../../support/steps/import-file.ts';

/** Gzip members, and a zero byte that may stand between and after them. */
const ANN = gzipSync('a\n1\n');
const CID = gzipSync('3\n');
const ZERO = Buffer.alloc(1);

describe.each([...CUTS, ANN.length - 1, ANN.length, ANN.length + 1])(
  'gzip that comes in pieces of %i bytes',
  (pieceBytes) => {
    test.each([
      ['one zero and a member', [ZERO, CID]],
      ['many zeros and a member', [Buffer.alloc(3_000), CID]],
      ['a zero and a byte', [ZERO, Buffer.from('x')]],
      ['two members, a zero and a member', [CID, ZERO, CID]],
      ['zeros and a byte at the very end', [Buffer.alloc(1_000), Buffer.from([1])]],
      ['a text', [Buffer.from('3\n')]],
      ['the first byte of a member', [CID.subarray(0, 1)]],
      ['the head of a member', [CID.subarray(0, 10)]],
      ['a member that is cut off', [CID.subarray(0, -1)]],
      ['another packing', [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0])]],
    ])('is refused, and loses no data, when a member is followed by %s', async (_what, after) => {
      const content = Buffer.concat([ANN, ...after]);
      expect(await failureOf(content, pieceBytes)).toMatchObject({ type: 'invalidGzip' });
    });

    test('is read with all its members, and with zeros after the last member', async () => {
      for (const zeros of [0, 1, 511, 512]) {
        const content = Buffer.concat([ANN, gzipSync(''), CID, Buffer.alloc(zeros)]);
        const records = await read(content, pieceBytes);
        expect(records.map(({ cells }) => cells)).toEqual([['a'], ['1'], ['3']]);
      }
    });
  },
);

test('gzip may have several members and zeros at its end, which are all read', async () => {
  const packed = [gzipSync('a\n1\n'), gzipSync('2\n'), Buffer.alloc(1_000_000)];
  const file = fileOf(Buffer.concat(packed), 10_000);
  const records: string[] = [];
  for await (const some of recordsOf(file)) records.push(...some.map(({ cells }) => cells.join()));
  expect(records).toEqual(['a', '1', '2']);
  expect(file.readableEnded).toBe(true);
  const followed = Buffer.concat([packed[0]!, Buffer.alloc(1_000_000, 'x')]);
  expect(await failureOf(followed, 10_000)).toMatchObject({ type: 'invalidGzip' });
  const hidden = Buffer.concat([...packed, packed[1]!]);
  expect(await failureOf(hidden, 10_000)).toMatchObject({ type: 'invalidGzip' });
});

describe.each(CUTS)('files that come in pieces of %i bytes', (pieceBytes) => {
  test('lose the marks at the start of joined files, and keep the marks within values', async () => {
    const content =
      '\uFEFF\uFEFFa,b\r\n1,2\n\uFEFFa,b\n\uFEFF"3",4\r\uFEFF\r\uFEFF\uFEFF5,6\n' +
      '7,x\uFEFFy\n"\uFEFF8","\n\uFEFF9"\n10,\uFEFFa,b\n\uFEFF';
    expect(await read(content, pieceBytes)).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 2, cells: ['1', '2'] },
      { line: 3, cells: ['a', 'b'] },
      { line: 4, cells: ['3', '4'] },
      { line: 6, cells: ['5', '6'] },
      { line: 7, cells: ['7', 'x\uFEFFy'] },
      { line: 8, cells: ['\uFEFF8', '\n\uFEFF9'] },
      { line: 10, cells: ['10', ''] },
    ]);
  });

  test('lose only marks that must belong to a later file, if the first file has no mark', async () => {
    const content =
      'a,b\n1,\uFEFF2\n\uFEFFa,b\n\uFEFF"3",4\n\uFEFF\n\uFEFF\uFEFFa,b,\n\uFEFF5,6\n\uFEFF';
    expect((await read(content, pieceBytes)).map(({ cells }) => cells)).toEqual([
      ['a', 'b'],
      ['1', '\uFEFF2'],
      ['a', 'b'],
      ['3', '4'],
      ['a', 'b', ''],
      ['\uFEFF5', '6'],
    ]);
  });

  test('are split where they were joined within a line', async () => {
    for (const [file, cells] of [
      ['id,b\n1,Ann', ['1', 'Ann']],
      ['"id";"b"\r\n"1";"An""n"', ['1', 'An"n']],
      ['id\n1', ['1']],
    ] as const) {
      const [header = ''] = file.split(/[\r\n]/);
      for (const next of [`${header}\n${file.split('\n')[1]}\n`, `${header}\r\n`, header]) {
        const records = await read(`\uFEFF${file}\uFEFF${next}`, pieceBytes);
        expect(records[1]).toEqual({ line: 2, cells });
        expect(records.slice(2)).toEqual(
          next.length > header.length + 2 ? [{ line: 3, cells }] : [],
        );
      }
    }
  });

  test.each([
    ['a comma', 'sep=,\n', ','],
    ['a semicolon', 'sep=;\r\n', ';'],
    ['a tab', 'SEP=\t\r', '\t'],
    ['a bar', '\uFEFFsep=|\n', '|'],
    ['a circumflex in quotes', '"sep=^"\r\n', '^'],
  ])(
    'are read with %s as the separator if the first line names it',
    async (_what, first, separator) => {
      const text = [
        ['a,b', 'c;d\te'],
        ['1', '2'],
        ['3', ''],
      ]
        .map((cells) => cells.map((cell) => write(cell, 'some', separator)).join(separator))
        .join('\n');
      const records = await read(`${first}${text}`, pieceBytes);
      const expected = [
        { line: 2, cells: ['a,b', 'c;d\te'] },
        { line: 3, cells: ['1', '2'] },
        { line: 4, cells: ['3', ''] },
      ];
      expect(records).toEqual(expected);
      const again = await read(`${first}${text}\n${first}${text}`, pieceBytes);
      expect(again.map(({ line }) => line)).toEqual([2, 3, 4, 6, 7, 8]);
    },
  );
});
