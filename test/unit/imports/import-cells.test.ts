import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellReader } from '../../../imports/cells.ts';
import type { PropertyType } from '../../../selection/property-types.ts';
import { guardedCell } from '../../support/http/guarded.ts';

const good: [PropertyType, string, unknown][] = [
  ['string', ' a ', ' a '],
  ['string', 'é'.repeat(255), 'é'.repeat(255)],
  ['string', '😀'.repeat(255), '😀'.repeat(255)],
  ['string', 'a\r\nb', 'a\r\nb'],
  ['string', '\u202Eabc', '\u202Eabc'],
  ['string', 'NULL', 'NULL'],
  ['string', '0012', '0012'],
  ['email', 'Ada@example.com', 'Ada@example.com'],
  ['phone', '919000500000', '919000500000'],
  ['phone', '+49 (30) 123-45', '493012345'],
  ['phone', "'+49 30 12345", '493012345'],
  ['url', 'https://example.com/a?b=c#d', 'https://example.com/a?b=c#d'],
  ['number', '0', 0],
  ['number', '-1.50', -1.5],
  ['number', '1e3', 1000],
  ['number', '1E-3', 0.001],
  ['number', '123456789012345', 123456789012345],
  ['number', '12.500000000000000000', 12.5],
  ['number', '1.23456789012345E-200', 1.23456789012345e-200],
  ['boolean', 'true', true],
  ['boolean', 'FALSE', false],
  ['boolean', 'True', true],
  ['date', '2024-02-29', '2024-02-29'],
  ['date', '2000-02-29', '2000-02-29'],
  ['time', '09:30', '09:30:00'],
  ['datetime', '2024-07-01T05:30:00+05:30', '2024-07-01T00:00:00.000000Z'],
  ['datetime', '2024-07-01T23:59:59.123456Z', '2024-07-01T23:59:59.123456Z'],
  ['list', 'a', ['a']],
  ['list', 'a;b;a', ['a', 'b', 'a']],
  ['list', 'vip; trial', ['vip', 'trial']],
  ['list', ' a ;\u00A0b c\t', ['a', 'b c']],
];

test.each(good)('%s accepts the cell %j', (type, cell, value) => {
  const read = cellReader(type, true);
  expect(read(cell)).toEqual({ value });
  expect(read(cell)).toEqual({ value });
});

test.each(['string', 'email', 'number', 'boolean', 'date', 'time', 'datetime', 'list'] as const)(
  '%s reads an empty cell as an unknown value',
  (type) => {
    expect(cellReader(type, true)('')).toEqual({ value: null });
  },
);

const bad: [PropertyType, string][] = [
  ['string', 'a'.repeat(256)],
  ['string', 'a\0'],
  ['email', 'ada'],
  ['email', ' ada@example.com'],
  ['phone', '1.5E+10'],
  ['phone', '493012345.0'],
  ['url', 'javascript:alert(1)'],
  ['number', '+1'],
  ['number', '.5'],
  ['number', '1.'],
  ['number', '01'],
  ['number', '1,5'],
  ['number', ' 1'],
  ['number', '0x10'],
  ['number', 'NaN'],
  ['number', 'Infinity'],
  ['number', '1e400'],
  ['number', '1e-400'],
  ['number', '4e-324'],
  ['number', '0.12345678901234567'],
  ['number', '1.0000000000000000001'],
  ['number', '1234567890123456'],
  ['number', '٣'],
  ['boolean', '1'],
  ['boolean', 'yes'],
  ['boolean', ' true'],
  ['date', '2023-02-29'],
  ['date', '1900-02-29'],
  ['date', '2024-00-01'],
  ['date', '2024-13-01'],
  ['date', '2024-04-31'],
  ['date', '2024-04-00'],
  ['date', '0000-01-01'],
  ['date', '01/02/2024'],
  ['time', '24:00'],
  ['datetime', '2024-07-01 00:00:00'],
  ['datetime', '2023-02-29T00:00:00.000000Z'],
  ['datetime', '0000-01-01T00:00:00.000000Z'],
  ['list', ';'],
  ['list', 'a;;b'],
  ['list', 'a;'],
  ['list', 'a; ;b'],
  ['list', Array.from({ length: 101 }, String).join(';')],
];

test.each(bad)('%s refuses the cell %j each time', (type, cell) => {
  const read = cellReader(type, true);
  expect(read(cell)).toEqual({ detail: expect.stringMatching(/\w/) });
  expect(read(cell)).toEqual({ detail: expect.stringMatching(/\w/) });
});

test.each([
  ["'=1+1", '=1+1'],
  ["'+1", '+1'],
  ["'-1", '-1'],
  ["'@a", '@a'],
  ["'\ta", '\ta'],
  ["'\ra", '\ra'],
  ["''a", "'a"],
  ["''", "'"],
  ["'''", "''"],
  ["'s-Hertogenbosch", "'s-Hertogenbosch"],
  ["'", "'"],
  ["'\na", "'\na"],
  ['=1+1', '=1+1'],
  ["a'=", "a'="],
  ["a,'=1", 'a,=1'],
  ["a\t'@b", 'a\t@b'],
  ["a|''=1", "a|'=1"],
  ['a,"\'=1', 'a,"=1'],
  ["a, '=1", "a, '=1"],
])(
  'the cell %j of a file for spreadsheets is read as %j, and of any other file unchanged',
  (cell, value) => {
    expect(cellReader('string', true)(cell)).toEqual({ value });
    expect(cellReader('list', true)(cell)).toEqual({ value: [value.trim()] });
    expect(cellReader('string', false)(cell)).toEqual({ value: cell });
    expect(cellReader('list', false)(cell)).toEqual({ value: [cell] });
  },
);

test('no guard is removed from a number, boolean, date or time', () => {
  for (const type of ['number', 'boolean', 'date', 'time', 'datetime'] as const) {
    expect(cellReader(type, true)("'-1")).toHaveProperty('detail');
  }
});

test('each item of a list is read without its own guard', () => {
  expect(cellReader('list', true)("a;'=1+1;''-2;'s")).toEqual({
    value: ['a', '=1+1', "'-2", "'s"],
  });
});

const textArbitrary = fc
  .tuple(
    fc.constantFrom('', '=', '+', '-', '@', '\t', '\r', "'", "''", "'=", '\n', '"', '\u202E', '😀'),
    fc.string({ unit: 'binary', maxLength: 200 }),
  )
  .map((pair) => pair.join('').replaceAll(/[\0;]/g, ' '))
  .filter((text) => text !== '' && text.isWellFormed());

test('an exported text or list is read back unchanged', () => {
  fc.assert(
    fc.property(fc.array(textArbitrary, { minLength: 1, maxLength: 5 }), (items) => {
      for (const text of items) {
        expect(cellReader('string', true)(guardedCell(text))).toEqual({ value: text });
        expect(cellReader('string', false)(text)).toEqual({ value: text });
      }
      const stored = items.map((item) => item.trim()).filter((item) => item !== '');
      fc.pre(stored.length > 0);
      const joined = stored.join(';');
      expect(cellReader('list', true)(guardedCell(joined))).toEqual({ value: stored });
    }),
  );
});

test('cached cells of a column do not change results, with any number of cells', () => {
  const read = cellReader('string', true);
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 600; index++) {
      expect(read(`'=${index}`)).toEqual({ value: `=${index}` });
    }
  }
});

test('two users with the same list get separate lists', () => {
  const read = cellReader('list', true);
  const [one, other] = [read('a;b'), read('a;b')] as { value: string[] }[];
  expect(one?.value).toEqual(other?.value);
  expect(one?.value).not.toBe(other?.value);
});
