import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCsvFileGuard, createCsvGuard, unguarded } from '../../../selection/formula-guard.ts';
import { FORMULA, guardedCell, passThrough, piecesOf } from '../../support/http/guarded.ts';

test.each([
  ['=1+1', "'=1+1"],
  ['a;=1+1', "a;'=1+1"],
  ['=a;+b;-c;@d', "'=a;'+b;'-c;'@d"],
  ['a,-2+3', "a,'-2+3"],
  ['a|@SUM(1)', "a|'@SUM(1)"],
  ['a\t=1', "a\t'=1"],
  ['a\n=1\r\n=2', "a\n'=1\r\n'=2"],
  ['a;"=1', 'a;"\'=1'],
  ['"=1"', '"\'=1"'],
  ['＝1;＠a', "'＝1;'＠a"],
  ['\t=1', "'\t'=1"],
  ['\n=1', "\n'=1"],
  ["'=1", "''=1"],
  ["a;'=1", "a;''=1"],
  ["'s-Hertogenbosch", "''s-Hertogenbosch"],
  ['a;b', 'a;b'],
  ['a=b; -c', 'a=b; -c'],
  ['a - b', 'a - b'],
  ['ｱ;ﾝ', 'ｱ;ﾝ'],
  ['a\r\nb', 'a\r\nb'],
  ['\uFEFFa', "'\uFEFFa"],
  ['a\uFEFF', 'a\uFEFF'],
  ['', ''],
])('%j becomes %j in a file for spreadsheets, and is read back unchanged', (text, cell) => {
  expect(guardedCell(text)).toBe(cell);
  expect(unguarded(cell)).toBe(text);
});

test.each(["'s-Hertogenbosch", "'tis; 'twas", "rock;'n'roll", "it's", "'"])(
  '%j is read unchanged, although no export has guarded it',
  (text) => {
    expect(unguarded(text)).toBe(text);
  },
);

const FRAGMENTS = [...Array.from('=+-@\'";,|\t\r\n a1éﾝ＝＋－＠😀\uFEFF'), "'=", '";=', ";'"];

const textArbitrary = fc
  .array(fc.constantFrom(...FRAGMENTS), { maxLength: 12 })
  .map((pieces) => pieces.join(''));

/** A cell in the form that COPY writes. */
const cellOf = (text: string): string =>
  text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

test('no part of a guarded file begins like a formula, and each text is read back unchanged', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(textArbitrary, { minLength: 3, maxLength: 3 }), { minLength: 1 }),
      fc.array(fc.nat({ max: 9 }), { maxLength: 20 }),
      (records, sizes) => {
        const csv = records.map((cells) => `${cells.map(cellOf).join()}\n`).join('');
        const guarded = passThrough(
          createCsvGuard(() => true),
          csv,
          sizes,
        );
        expect(piecesOf(guarded).filter((piece) => FORMULA.test(piece))).toEqual([]);
        const read: string[][] = parse(guarded, { record_delimiter: '\n' });
        expect(read.map((cells) => cells.map(unguarded))).toEqual(records);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a column without text stays unchanged in every line', () => {
  const guard = createCsvGuard((column) => column !== 1);
  const guarded = passThrough(guard, '-a,-1,"-b, -c"\n"""-x",-2,-y\n');
  expect(guarded).toBe('\'-a,-1,"\'-b, -c"\n"""\'-x",-2,\'-y\n');
});

test('a chunk that needs no guard is returned itself, without a copy', () => {
  const chunk = Buffer.from('u-1,Ann\n');
  expect(createCsvGuard(() => true).guard(chunk)).toBe(chunk);
});

const isTextColumn = (column: number): boolean => column % 3 !== 1;

test('rows are guarded in the same way in chunks of any size and byte by byte', () => {
  const cells = ['plain', '', '-5', 'a;b', 'a;=b', '"', '=', "'x", 'é\n-1', '＝', '\t', 'x,\r\n+'];
  const row = fc.array(fc.constantFrom(...cells), { minLength: 4, maxLength: 4 });
  const arbitrary = fc.tuple(
    fc.array(row, { minLength: 1, maxLength: 30 }),
    fc.array(fc.nat({ max: 90 }), { maxLength: 12 }),
  );
  fc.assert(
    fc.property(arbitrary, ([records, sizes]) => {
      const csv = records.map((texts) => `${texts.map(cellOf).join()}\n`).join('');
      // Without the starts of further rows, the guard examines every byte.
      const { guard } = createCsvGuard(isTextColumn);
      expect(passThrough(createCsvGuard(isTextColumn), csv, sizes)).toBe(
        guard(Buffer.from(csv)).toString(),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('a whole file begins with one byte-order mark', () => {
  expect(passThrough(createCsvFileGuard(), 'userId\n=1\n', [7])).toBe("\uFEFFuserId\n'=1\n");
});
