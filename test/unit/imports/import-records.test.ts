import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_RECORD_LENGTH, recordsOf } from '../../../imports/records.ts';
import {
  CUTS,
  failureOf,
  fileOf,
  readRecords as read,
  writeCell as write,
} from '../../support/steps/import-file.ts';

describe.each(CUTS)('a file that comes in pieces of %i bytes', (pieceBytes) => {
  test.each([
    ['line feeds', 'a,b\n1,2\n'],
    ['carriage returns and line feeds', 'a,b\r\n1,2\r\n'],
    ['carriage returns', 'a,b\r1,2\r'],
    ['no break at its end', 'a,b\n1,2'],
    ['a byte-order mark', '\uFEFFa,b\n1,2\n'],
    ['quotes around every cell', '"a","b"\r\n"1","2"\r\n'],
  ])('is read with %s', async (_what, content) => {
    const expected = [
      { line: 1, cells: ['a', 'b'] },
      { line: 2, cells: ['1', '2'] },
    ];
    expect(await read(content, pieceBytes)).toEqual(expected);
    expect(await read(gzipSync(content), pieceBytes)).toEqual(expected);
  });

  test('keeps and counts line breaks within quotes', async () => {
    const content = 'a\r\n"1\r\n2\n3\r4",5\r\n\r\n\n"6"\n';
    expect(await read(content, pieceBytes)).toEqual([
      { line: 1, cells: ['a'] },
      { line: 2, cells: ['1\r\n2\n3\r4', '5'] },
      { line: 8, cells: ['6'] },
    ]);
  });

  test.each([
    ['line feeds', '\n', 1],
    ['carriage returns', '\r', 1],
    ['carriage returns and line feeds', '\r\n', 1],
    ['two carriage returns and a line feed', '\r\r\n', 2],
    ['a line feed and a carriage return', '\n\r', 2],
    ['two line feeds', '\n\n', 2],
  ])('has the same line numbers in records and errors, with %s', async (_what, end, step) => {
    const before = ['a,b', '1,2', '3,4', ''].join(end);
    const lines = [1, 1 + step, 1 + 2 * step, 1 + 3 * step];
    const records = await read(`${before}5,6`, pieceBytes);
    expect(records.map(({ line }) => line)).toEqual(lines);
    const bad = Buffer.concat([Buffer.from(`${before}5,`), Buffer.from([0xff])]);
    for (const [content, type] of [
      [bad, 'notUtf8'],
      [gzipSync(bad), 'notUtf8'],
      [`${before}5,x"`, 'invalidCsv'],
      [`${before}"5`, 'invalidCsv'],
    ] as const) {
      expect(await failureOf(content, pieceBytes)).toMatchObject({ type, line: lines.at(-1) });
    }
  });

  test('has rows of empty cells, which are treated as blank lines', async () => {
    const content = ',,,\r\na,b\r\n,\r\n"",""\r\n,,,,\r\n""\r\n1,2\r\n,';
    expect(await read(content, pieceBytes)).toEqual([
      { line: 2, cells: ['a', 'b'] },
      { line: 7, cells: ['1', '2'] },
    ]);
  });

  test('keeps characters of any byte length', async () => {
    const content = 'é,€,😀,\u202Eابجد\n"é\n",日本語,e\u0301,ﬀ\n';
    const cells = (await read(content, pieceBytes)).map((record) => record.cells);
    expect(cells).toEqual([
      ['é', '€', '😀', '\u202Eابجد'],
      ['é\n', '日本語', 'e\u0301', 'ﬀ'],
    ]);
  });

  test('is read without its blank lines, and with all other lines', async () => {
    const content = '\uFEFF\r\n\n\ra;b\n\n ;\n;\r\n\r\n""\n\t\n';
    expect(await read(content, pieceBytes)).toEqual([
      { line: 4, cells: ['a', 'b'] },
      { line: 6, cells: [' ', ''] },
      { line: 10, cells: ['\t'] },
    ]);
  });

  test.each([
    ['a byte that begins nothing', Buffer.from([0xff])],
    ['a character cut short', Buffer.from([0xe2, 0x82])],
    ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
    ['an overlong character', Buffer.from([0xc0, 0x80])],
  ])('is refused at the line of %s', async (_what, bad) => {
    for (const lineBreak of ['\n', '\r\n', '\r']) {
      const before = ['é,\uFFFD', '1,"', '"', '3,'].join(lineBreak);
      for (const after of ['', `,x${lineBreak}5${lineBreak}`, 'é']) {
        const content = Buffer.concat([Buffer.from(before), bad, Buffer.from(after)]);
        const failure = { type: 'notUtf8', line: 4 };
        expect(await failureOf(content, pieceBytes)).toMatchObject(failure);
        expect(await failureOf(gzipSync(content), pieceBytes)).toMatchObject(failure);
      }
    }
  });

  test.each([
    ['a quote that never ends', 'a\n1\n"2\n3\n'],
    ['a quote within a cell', 'a\n1\n5" nails\n3\n'],
    ['two quotes within a cell', 'a\n1\n5" "nails\n3\n'],
    ['text after a quoted cell', 'a\n1\n"2"x\n3\n'],
    ['a space before a quote', 'a,b\n1,1\n1, "2"\n3,3\n'],
  ])('is refused at the line of %s', async (_what, content) => {
    expect(await failureOf(content, pieceBytes)).toMatchObject({ type: 'invalidCsv', line: 3 });
  });

  test('is refused when it is gzip that is truncated or damaged', async () => {
    const packed = gzipSync(`a\n${'1\n'.repeat(100)}`);
    const damaged = Buffer.from(packed);
    damaged.writeUInt8(damaged.readUInt8(packed.length - 6) ^ 0xff, packed.length - 6);
    for (const content of [packed.subarray(0, -9), packed.subarray(0, 12), damaged]) {
      expect(await failureOf(content, pieceBytes)).toMatchObject({ type: 'invalidGzip' });
    }
  });
});

test('a record may be at most 1 MiB long, at any position', async () => {
  const longest = '€'.repeat(MAX_RECORD_LENGTH - 1);
  expect(await read(`x\n${longest}\ny`)).toHaveLength(3);
  expect(await read(`x\n"${'""'.repeat(MAX_RECORD_LENGTH - 1)}"\ny`)).toHaveLength(3);
  for (const content of [`x\n${longest}a`, `x\n${longest}a\ny`]) {
    expect(await failureOf(content)).toMatchObject({ type: 'recordTooLong', line: 2 });
  }
});

test.each([
  ['a quote', '"', 'a'],
  ['a cell', '', 'a'],
  ['separators', '', ','],
  ['empty cells in quotes', '', '"",'],
  ['lines in quotes', '', '"\n",'],
])(
  'reading is abandoned when %s never ends, long before the end of the file',
  async (_what, start, more) => {
    let pieces = 0;
    const content = function* () {
      yield Buffer.from(`\n\nx\n\n${start}`);
      for (; pieces < 10_000; pieces++) yield Buffer.from(more.repeat(10_000));
    };
    const count = async () => {
      let found = 0;
      for await (const records of recordsOf(Readable.from(content()))) found += records.length;
      return found;
    };
    await expect(count()).rejects.toMatchObject({ type: 'recordTooLong', line: 5 });
    expect(pieces).toBeLessThan(1_000);
  },
);

test('an error has no content of the file', async () => {
  for (const content of ['secret\n"secret', 'secret\nse"cret', 'secret\n"secret"secret']) {
    expect((await failureOf(content)).message).not.toContain('secret');
  }
});

test('an error of the stream is passed on unchanged', async () => {
  const broken = fileOf('a\n1\n');
  broken.destroy(new Error('the disk is gone'));
  await expect(recordsOf(broken).next()).rejects.toThrow('the disk is gone');
});

test('a reader that stops early closes the file', async () => {
  for (const content of ['a\n1\n'.repeat(100), gzipSync('a\n1\n'.repeat(100))]) {
    const file = fileOf(content, 16);
    for await (const records of recordsOf(file)) if (records.length > 0) break;
    expect(file.destroyed).toBe(true);
  }
});

const cellArbitrary = fc.oneof(
  fc.constantFrom('', ' ', '"', '""', ',', ';', '\t', '\n', '\r', '\r\n', '\uFEFF', "'", '\0'),
  fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => text.isWellFormed()),
);

test('CSV of any writer is read back unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(cellArbitrary, { minLength: 2, maxLength: 5 }), { maxLength: 12 }),
      fc.constantFrom(',', ';', '\t'),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.constantFrom('all' as const, 'some' as const),
      fc.integer({ min: 1, max: 50 }),
      async (rows, separator, lineBreak, style, pieceBytes) => {
        // As long as a usual header: after a short one, zeros in cells look like UTF-16.
        const header = ['a'.repeat(40), 'b'];
        const content = [header, ...rows]
          .map((cells) => cells.map((cell) => write(cell, style, separator)).join(separator))
          .join(lineBreak);
        // A mark as the first character belongs to the file, not to its first cell.
        const all = await read(`\uFEFF${content}`, pieceBytes);
        const told = rows.filter((cells) => cells.some((cell) => cell !== ''));
        expect(all.map(({ cells }) => cells)).toEqual([header, ...told]);
      },
    ),
    { numRuns: 500 },
  );
});
