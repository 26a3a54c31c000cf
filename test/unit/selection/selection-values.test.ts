import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BLANKS } from '../../../selection/characters.ts';
import { exactNumber } from '../../../selection/numbers.ts';
import type { PropertyType } from '../../../selection/property-types.ts';
import { parseValue } from '../../../selection/values.ts';

const accepted: [PropertyType, unknown, unknown][] = [
  ['string', 'é'.repeat(255), 'é'.repeat(255)],
  ['string', '😀'.repeat(255), '😀'.repeat(255)],
  ['string', '', null],
  ['email', 'Ada@example.com', 'Ada@example.com'],
  ['email', 'ädä+tag@exämple', 'ädä+tag@exämple'],
  ['email', 'ada@example.x', 'ada@example.x'],
  ['phone', '919000500000', '919000500000'],
  ['phone', '+919000500000', '919000500000'],
  ['phone', '+49 (30) 123-45', '493012345'],
  ['phone', '(+49) 30/123.45', '493012345'],
  ['phone', '+49 (0)30 123 45', '493012345'],
  ['phone', '0049 (0) 30 12345', '00493012345'],
  ['phone', '(030) 123-45', '03012345'],
  ['phone', '+49 (030) 123-45', '493012345'],
  ['phone', '+49 (0 30) 12345', '493012345'],
  ['phone', '(+49)(0)30-12345', '493012345'],
  ['phone', '+44-(0)20 7946 0958', '442079460958'],
  ['phone', '+420 (0) 2 12345', '420212345'],
  ['phone', '+39 (06) 6982 123', '39066982123'],
  ['phone', '+39 (0) 6 6982 123', '39066982123'],
  ['phone', '0039 (06) 6982', '0039066982'],
  ['phone', '+225 (0)7 12 34 56 78', '2250712345678'],
  ['phone', '(0)30 12345', '03012345'],
  ['phone', '030 / 1234567', '0301234567'],
  ['phone', '+49 35205/1234567', '49352051234567'],
  ['phone', '030 12345 - 67', '0301234567'],
  ['phone', '030.12345', '03012345'],
  ['phone', '555.1234', '5551234'],
  ['phone', '06.12.05.20.24', '0612052024'],
  ['phone', '12-34-5678', '12345678'],
  ['phone', '+49\u00A030\u2011123\u201345', '493012345'],
  ['phone', '\u202A+49 30 12345\u202C', '493012345'],
  ['phone', ' 49\t30\u202F12345 ', '493012345'],
  ['url', 'https://example.com/a?b=c#d', 'https://example.com/a?b=c#d'],
  ['url', 'HTTP://user:word@EXAMPLE.com:8080', 'HTTP://user:word@EXAMPLE.com:8080'],
  ['url', 'http://[::1]/a', 'http://[::1]/a'],
  ['url', 'http://127.0.0.1', 'http://127.0.0.1'],
  ['url', 'https://b\u00FCcher.example/stra\u00DFe', 'https://b\u00FCcher.example/stra\u00DFe'],
  ['number', 123456789012345, 123456789012345],
  ['number', -0.1, -0.1],
  ['number', 99999999999999.9, 99999999999999.9],
  ['number', 1e14, 1e14],
  ['number', 1e-15, 1e-15],
  ['number', 0.123456789012345, 0.123456789012345],
  ['number', -0, -0],
  ['number', 1e15, 1e15],
  ['number', 1e300, 1e300],
  ['number', 1.5e-15, 1.5e-15],
  ['number', 5e-324, 5e-324],
  ['boolean', false, false],
  ['date', '2024-02-29', '2024-02-29'],
  ['time', '09:30', '09:30:00'],
  ['datetime', '2024-07-01T05:30:00+05:30', '2024-07-01T00:00:00.000000Z'],
  ['datetime', '2024-07-01t00:00:00.123456z', '2024-07-01T00:00:00.123456Z'],
  ['list', ['a', 'b', 'a'], ['a', 'b', 'a']],
  ['list', [' a', 'b\t', '\u00A0c d\uFEFF'], ['a', 'b', 'c d']],
  ['list', [], null],
];

test.each(accepted)('%s accepts %j and returns its stored form', (type, input, stored) => {
  expect(parseValue(type, input)).toEqual({ value: stored });
});

const refused: [PropertyType, unknown][] = [
  ['string', 'a'.repeat(256)],
  ['string', 'a\0'],
  ['string', '\uD800'],
  ['string', 3],
  ['string', undefined],
  ['email', 'ada'],
  ['email', 'ada@'],
  ['email', 'a b@example.com'],
  ['email', 'ada@example.com, bob@example.com'],
  ['email', `${'a'.repeat(250)}@example.com`],
  ['phone', '1234'],
  ['phone', '+(1) 2-3.4'],
  ['phone', '-493012345'],
  ['phone', '++493012345'],
  ['phone', '+49 30 12345 +49 30 12346'],
  ['phone', '030 12345 ext. 6'],
  ['phone', '030 12345, 030 12346'],
  ['phone', '1.5E+10'],
  ['phone', '4,93012E10'],
  ['phone', '493012345.0'],
  ['phone', '493012345,00'],
  ['phone', '1'.repeat(21)],
  ['phone', '٣٣٣٣٣٣'],
  ['url', 'ftp://example.com'],
  ['url', 'javascript:alert(1)'],
  ['url', 'https://exa mple.com'],
  ['url', 'http:example.com'],
  ['url', 'https:/example.com'],
  ['url', 'http:///example.com'],
  ['url', 'http:\\\\example.com'],
  ['url', 'http://example.com\\a'],
  ['url', 'http://'],
  ['url', 'http://?a=b'],
  ['url', 'http://.'],
  ['url', 'http://a..b'],
  ['url', 'http://@example.com'],
  ['url', 'http://example.com:'],
  ['url', 'http://example.com:99999'],
  ['url', 'https://https://example.com'],
  ['url', 'http://12'],
  ['url', 'http://<host>/'],
  ['url', 'http://exam\u200Bple.com'],
  ['url', 'example.com'],
  ['number', Number.NaN],
  ['number', Number.POSITIVE_INFINITY],
  ['number', 1234567890123456],
  ['number', 1234567890.123456],
  ['number', 0.1 + 0.2],
  ['number', '3'],
  ['boolean', 'true'],
  ['boolean', 1],
  ['date', '2023-02-29'],
  ['date', '0000-01-01'],
  ['date', '2024-7-1'],
  ['date', '2024-07-01T00:00:00Z'],
  ['time', '24:00'],
  ['time', '9:30'],
  ['datetime', '2024-07-01T00:00:00'],
  ['datetime', '2024-07-01T00:00:60Z'],
  ['datetime', '2024-02-29T24:00:00.5Z'],
  ['datetime', '2024-02-29T24:00:00Z'],
  ['datetime', '2024-02-29T24:00:00+01:00'],
  ['datetime', '2024-02-29T10:60:00Z'],
  ['datetime', '2024-02-29T10:00:00+24:00'],
  ['datetime', '2024-02-29T10:00:00+01:60'],
  ['datetime', '2024-07-01T00:00:00.1234567Z'],
  ['datetime', '0001-01-01T00:00:00+01:00'],
  ['datetime', '9999-12-31T23:59:59-01:00'],
  ['datetime', '2023-02-29T00:00:00Z'],
  ['list', ['a;b']],
  ['list', ['']],
  ['list', [' \u00A0']],
  ['list', [null]],
  ['list', ['a\0']],
  ['list', Array.from({ length: 101 }, String)],
  ['list', 'a'],
];

test.each(refused)('%s refuses %j with a reason', (type, input) => {
  expect(parseValue(type, input)).toEqual({ detail: expect.stringMatching(/\w/) });
});

test('the result for a value is the same each time', () => {
  for (let round = 0; round < 20_000; round++) {
    expect(parseValue('url', 'https://é.com/')).toEqual({ value: 'https://é.com/' });
  }
});

test.each(
  Array.from({ length: 0x3001 }, (_, code) => String.fromCharCode(code))
    .concat('\uFEFF', '\uFE0F', '\u{E0001}')
    .filter((text) => /[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}\uFE0F]/u.test(text) && text !== '\0')
    .map((text) => [`U+${text.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`, text]),
)('an email address with %s is refused, and the error names the character', (name, character) => {
  for (const mail of [`ada${character}@example.com`, `ada@exam${character}ple.com`]) {
    const parsed = parseValue('email', mail);
    expect(parsed).toEqual({ detail: expect.stringContaining(name) });
    expect(JSON.stringify(parsed)).not.toContain('ada');
  }
});

test.each([
  ['1.5E+10', 'exponent'],
  ['4.93012E+11', 'exponent'],
  ['4,93012e11', 'exponent'],
  ['493012345.0', 'decimal'],
  ['+493012345.00', 'decimal'],
  ['4930123456.5', 'decimal'],
  ['4930123456,75', 'decimal'],
  ['49301234567.125', 'decimal'],
  ['2024-02-29', 'date'],
  ['12.05.2024', 'date'],
  ['5/12/2024', 'date'],
  ['31.1.24', 'date'],
  ['030 12345 / 030 67890', 'two phone numbers'],
  ['030 12345/030 67890', 'two phone numbers'],
  ['+49 30 12345 / +49 30 67890', 'two phone numbers'],
  ['+49 30 12345|(030) 67890', 'two phone numbers'],
  ['030 12345 - 030 67890', 'two phone numbers'],
  ['030 12345\n030 67890', 'two phone numbers'],
  ['4930123456/4930123457', 'two phone numbers'],
  ['+49 171 (0) 5551234', 'country code'],
  ['49 (0)30 12345', 'country code'],
  ['030 12345 (030) 67890', 'country code'],
  ['(030) 12345 (040) 67890', 'country code'],
  ['-493012345', 'minus'],
  ['030 12345 x6', 'U+0078'],
  ['\u0663\u0663\u0663\u0663\u0663', 'U+0663'],
  ['123', '5 to 20 digits'],
])('the error for the phone number %s states the probable cause', (phone, word) => {
  expect(parseValue('phone', phone)).toEqual({ detail: expect.stringContaining(word) });
});

test('a stored phone number is read back unchanged, with any digits', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{5,20}$/), (digits) => {
      expect(parseValue('phone', digits)).toEqual({ value: digits });
    }),
  );
});

/** A number as an integer and a shift by powers of ten. */
const partsOf = (text: string) => {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(text) ?? [];
  const integer = BigInt(`${sign}${whole}${fraction}`);
  return { integer, shift: Number(exponent) - fraction.length };
};

test('a number is read exactly or refused', () => {
  const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,17})([.][0-9]{1,18})?(e[+-]?[0-9]{1,3})?$/);
  fc.assert(
    fc.property(digits, (text) => {
      const value = exactNumber(text);
      if (value === undefined) return;
      const [given, held] = [partsOf(text), partsOf(String(value))];
      const least = Math.min(given.shift, held.shift);
      const scaled = ({ integer, shift }: ReturnType<typeof partsOf>) =>
        integer * 10n ** BigInt(shift - least);
      expect(scaled(held)).toBe(scaled(given));
    }),
    { numRuns: 2_000 },
  );
});

test('PostgreSQL and JavaScript treat the same characters as blanks', () => {
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCharCode(code);
    expect(BLANKS.includes(character)).toBe(character.trim() === '');
  }
});
