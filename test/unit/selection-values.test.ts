import { expect, test } from 'vitest';
import type { PropertyType } from '../../selection/property-types.ts';
import { parseValue } from '../../selection/values.ts';

const accepted: [PropertyType, unknown, unknown][] = [
  ['string', 'é'.repeat(255), 'é'.repeat(255)],
  ['string', '😀'.repeat(255), '😀'.repeat(255)],
  ['string', '', null],
  ['email', 'Ada@example.com', 'Ada@example.com'],
  ['email', 'ädä+tag@exämple', 'ädä+tag@exämple'],
  ['email', 'ada@example.x', 'ada@example.x'],
  ['phone', '919000500000', '919000500000'],
  ['url', 'https://example.com/a?b=c#d', 'https://example.com/a?b=c#d'],
  ['number', 123456789012345, 123456789012345],
  ['number', -0.1, -0.1],
  ['number', 99999999999999.9, 99999999999999.9],
  ['number', 1e14, 1e14],
  ['number', 1e-15, 1e-15],
  ['number', 0.123456789012345, 0.123456789012345],
  ['number', -0, -0],
  ['boolean', false, false],
  ['date', '2024-02-29', '2024-02-29'],
  ['time', '09:30', '09:30:00'],
  ['datetime', '2024-07-01T05:30:00+05:30', '2024-07-01T00:00:00.000000Z'],
  ['datetime', '2024-07-01t00:00:00.123456z', '2024-07-01T00:00:00.123456Z'],
  ['list', ['a', 'b', 'a'], ['a', 'b', 'a']],
  ['list', [], null],
];

test.each(accepted)('%s takes %j in its stored form', (type, input, stored) => {
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
  ['phone', '+919000500000'],
  ['phone', '1234'],
  ['phone', '1'.repeat(21)],
  ['phone', '٣٣٣٣٣٣'],
  ['url', 'ftp://example.com'],
  ['url', 'javascript:alert(1)'],
  ['url', 'https://exa mple.com'],
  ['number', Number.NaN],
  ['number', Number.POSITIVE_INFINITY],
  ['number', 1234567890123456],
  ['number', 1e15],
  ['number', 1e300],
  ['number', 1.5e-15],
  ['number', 5e-324],
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
  ['datetime', '2024-07-01T00:00:00.1234567Z'],
  ['datetime', '0001-01-01T00:00:00+01:00'],
  ['datetime', '9999-12-31T23:59:59-01:00'],
  ['datetime', '2023-02-29T00:00:00Z'],
  ['list', ['a;b']],
  ['list', ['']],
  ['list', [null]],
  ['list', ['a\0']],
  ['list', Array.from({ length: 101 }, String)],
  ['list', 'a'],
];

test.each(refused)('%s refuses %j and says why', (type, input) => {
  expect(parseValue(type, input)).toEqual({ detail: expect.stringMatching(/\w/) });
});

test('an answer does not change with how often the question was asked', () => {
  for (let round = 0; round < 20_000; round++) {
    expect(parseValue('url', 'https://é.com/')).toEqual({ value: 'https://é.com/' });
  }
});
