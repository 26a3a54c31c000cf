import { expect, test } from 'vitest';
import { compileFilter } from '../../../selection/compile.ts';
import { checkFilter, type Filter, freezeFilter } from '../../../selection/filter.ts';
import { filterSchema } from '../../../selection/filter-schema.ts';
import { readFrozenSelection } from '../../../selection/frozen-selection.ts';
import { deletionSelectionSchema, exportSelectionSchema } from '../../../selection/selection.ts';
import { TYPES } from '../../support/arbitraries.ts';

const NOW = new Date('2024-07-01T12:00:00.000Z');
const is = (field: string, value: unknown): Filter => ({ field, op: 'is', value }) as Filter;

const nest = (levels: number): Filter =>
  levels === 1 ? is('firstName', 'Ada') : { not: nest(levels - 1) };

const group = (count: number): Filter => ({
  and: Array.from({ length: count }, () => is('firstName', 'Ada')),
});

test.each([
  {},
  [],
  null,
  'everyone',
  { and: [] },
  { or: [] },
  { not: {} },
  { and: [{ field: 'firstName', op: 'isKnown' }], or: [{ field: 'firstName', op: 'isKnown' }] },
  { field: 'firstName', op: 'is', value: 'Ada', also: 1 },
  { field: 'firstName', op: 'like', value: 'Ada' },
  { field: 'firstName', op: 'in', value: [] },
  { field: 'firstName', op: 'is', value: null },
  { field: 'createdAt', op: 'lt', value: { daysAgo: -1 } },
  { field: 'createdAt', op: 'lt', value: { daysAgo: 1.5 } },
  { field: 'createdAt', op: 'lt', value: { daysago: 1 } },
  { op: 'isKnown' },
])('an invalid filter is refused, and never selects all users: %j', (filter) => {
  expect(filterSchema.safeParse(filter).success).toBe(false);
});

test.each([
  [is('nope', 'x'), '/filter/field'],
  [is('plan', 'x'), '/filter/field'],
  [is('properties.nope', 'x'), '/filter/field'],
  [is('properties.toString', 'x'), '/filter/field'],
  [is('__proto__', 'x'), '/filter/field'],
  [{ and: [is('firstName', 'a'), is('firstName', 3)] }, '/filter/and/1/value'],
  [{ not: { or: [is('dob', '2023-02-29')] } }, '/filter/not/or/0/value'],
  [is('properties.score', '3'), '/filter/value'],
  [is('properties.score', 1234567890123456), '/filter/value'],
  [is('createdAt', '2024-02-29T24:00:00.5Z'), '/filter/value'],
  [is('phone', '1.5E+10'), '/filter/value'],
  [is('phone', '12.05.24'), '/filter/value'],
  [is('phone', '030 12345 / 030 67890'), '/filter/value'],
  [is('phone', '+49 171 (0) 5551234'), '/filter/value'],
  [{ field: 'phone', op: 'contains', value: '2024-02-29' }, '/filter/value'],
  [{ field: 'phone', op: 'contains', value: '4930123456.5' }, '/filter/value'],
  [{ field: 'phone', op: 'notContains', value: '4930123456.0' }, '/filter/value'],
  [{ field: 'phone', op: 'notContains', value: '4.9E+10' }, '/filter/value'],
  [{ field: 'phone', op: 'contains', value: '+' }, '/filter/value'],
  [{ field: 'email', op: 'isNot', value: 'keep@example.com\u200B' }, '/filter/value'],
  [is('email', ' ada@example.com'), '/filter/value'],
  [{ field: 'email', op: 'notContains', value: 'ada\u200B' }, '/filter/value'],
  [{ field: 'email', op: 'in', value: ['a@example.com', 'a\u00AD@b.example'] }, '/filter/value/1'],
  [
    { field: 'properties.mobile', op: 'in', value: ['493012345', '493012345.0'] },
    '/filter/value/1',
  ],
  [{ field: 'tags', op: 'contains', value: '\u00A0 ' }, '/filter/value'],
  [is('emailOptin', 'true'), '/filter/value'],
  [is('tags', 'a'), '/filter/op'],
  [is('firstName', ''), '/filter/value'],
  [{ field: 'firstName', op: 'gt', value: 'a' }, '/filter/op'],
  [{ field: 'emailOptin', op: 'contains', value: 'a' }, '/filter/op'],
  [{ field: 'firstName', op: 'isKnown', value: 'a' }, '/filter/value'],
  [{ field: 'firstName', op: 'is' }, '/filter/value'],
  [{ field: 'firstName', op: 'is', value: ['a'] }, '/filter/value'],
  [{ field: 'firstName', op: 'in', value: ['a', 3] }, '/filter/value/1'],
  [{ field: 'firstName', op: 'in', value: 'a' }, '/filter/value'],
  [{ field: 'dob', op: 'is', value: { daysAgo: 3 } }, '/filter/value'],
  [{ field: 'properties.score', op: 'lt', value: { daysAgo: 3 } }, '/filter/value'],
  [{ field: 'createdAt', op: 'gt', value: '2024-07-01T12:00:00' }, '/filter/value'],
] as [Filter, string][])(
  'a filter that does not fit the properties is refused with a pointer: %j',
  (filter, at) => {
    expect(filterSchema.safeParse(filter).success).toBe(true);
    expect(checkFilter(filter, TYPES).map(({ pointer }) => pointer)).toEqual([at]);
  },
);

test('five levels are allowed, and six levels are refused', () => {
  expect(checkFilter(nest(5), TYPES)).toEqual([]);
  expect(checkFilter(nest(6), TYPES)).toHaveLength(1);
});

test('fifty conditions are allowed, and fifty-one are refused, in any groups', () => {
  const groupings: ((count: number) => Filter)[] = [
    group,
    (count) => ({ or: [group(25), group(count - 25)] }),
    (count) => ({ not: group(count) }),
    (count) => ({ and: [is('firstName', 'Ada'), { not: { or: [group(count - 1)] } }] }),
    (count) => ({ or: Array.from({ length: count }, () => ({ not: is('firstName', 'Ada') })) }),
  ];
  for (const grouped of groupings) {
    expect(checkFilter(grouped(50), TYPES)).toEqual([]);
    expect(checkFilter(grouped(51), TYPES)).toHaveLength(1);
  }
});

/** Counts how often its parts are read. */
const counted = (leaf: object) => {
  const counts = { reads: 0 };
  const count = <Result>(result: Result): Result => ((counts.reads += 1), result);
  const watched = new Proxy(leaf, {
    get: (target, name) => count(Reflect.get(target, name)),
    has: (target, name) => count(Reflect.has(target, name)),
    ownKeys: (target) => count(Reflect.ownKeys(target)),
  });
  return { counts, watched };
};

const full = (levels: number, leaf: unknown): unknown =>
  levels === 1 ? leaf : { and: Array.from({ length: 50 }, () => full(levels - 1, leaf)) };

const pair = (levels: number, leaf: unknown): unknown =>
  levels === 1 ? leaf : { and: [leaf, pair(levels - 1, leaf)] };

test.each([
  ['has many conditions', full, 4, 'must have at most 50 conditions', ''],
  [
    'is nested deep',
    pair,
    60,
    'must not be nested deeper than 5 levels',
    'and/1/and/1/and/1/and/1/and/0',
  ],
])(
  'an enormous filter that %s is refused before its parts are read',
  (_what, build, levels, message, at) => {
    for (const leaf of [{ field: 'firstName', op: 'isKnown' }, {}, { and: [] }]) {
      const { counts, watched } = counted(leaf);
      const { error } = filterSchema.safeParse(build(levels, watched));
      expect(error?.issues.map((issue) => [issue.message, issue.path.join('/')])).toEqual([
        [message, at],
      ]);
      expect(counts.reads).toBeLessThan(500);
    }
  },
);

test('the size of a filter is checked wherever a selection has one', () => {
  const tooMany = 'must have at most 50 conditions';
  const filter = full(3, { field: 'firstName', op: 'isKnown' });
  const segment = { id: '019a0f6e-5c2a-7b1d-8a3e-4f5061728394', name: 'n', filter };
  for (const { error } of [
    exportSelectionSchema.safeParse({ type: 'filter', filter }),
    deletionSelectionSchema.safeParse({ type: 'query', filter }),
  ]) {
    expect(error?.issues.map(({ message }) => message)).toEqual([tooMany]);
  }
  for (const stored of [
    { type: 'filter', filter, excludeIds: [] },
    { type: 'query', q: null, segment, filter: null, excludeIds: [] },
  ]) {
    expect(() => readFrozenSelection(stored)).toThrow('cannot be read');
  }
});

test('a list with more than fifty nodes keeps its own error', () => {
  const { error } = filterSchema.safeParse({ and: Array.from({ length: 51 }, () => 0) });
  expect(JSON.stringify(error?.issues)).toContain('"maximum":50');
});

test('a frozen filter has a timestamp, or the UTC day for a date', () => {
  const filter: Filter = {
    or: [
      { field: 'createdAt', op: 'lt', value: { daysAgo: 2 } },
      { not: { field: 'dob', op: 'gte', value: { daysAgo: 1 } } },
      is('firstName', 'Ada'),
    ],
  };
  expect(freezeFilter(filter, TYPES, NOW)).toEqual({
    or: [
      { field: 'createdAt', op: 'lt', value: '2024-06-29T12:00:00.000Z' },
      { not: { field: 'dob', op: 'gte', value: '2024-06-30' } },
      is('firstName', 'Ada'),
    ],
  });
});

test('compileFilter does not accept the type of a filter that was not frozen', () => {
  const filter: Filter = { field: 'createdAt', op: 'lt', value: '2024-07-01T00:00:00Z' };
  // @ts-expect-error -- only a frozen filter means the same at any later time
  expect(compileFilter(filter, TYPES)).toBeDefined();
});

test.each([
  { type: 'all' },
  { type: 'ids', ids: [] },
  { type: 'ids', ids: ['a', 'a'] },
  { type: 'ids', ids: [''] },
  { type: 'ids', ids: ['a'.repeat(256)] },
  { type: 'ids', ids: Array.from({ length: 10_001 }, (_, index) => String(index)) },
  { type: 'ids' },
  { type: 'segment', segmentId: 'vip' },
  { type: 'segment', segmntId: '0198a0f0-0000-7000-8000-000000000000' },
  { type: 'filter', filter: {} },
  { type: 'filter', filter: is('firstName', 'a'), excludeIds: [] },
  { type: 'filter' },
  {},
])('a deletion refuses an invalid selection, and the selection of all users (%#)', (selection) => {
  expect(deletionSelectionSchema.safeParse(selection).success).toBe(false);
});

test('an export accepts the selection of all users, without further fields', () => {
  expect(exportSelectionSchema.safeParse({ type: 'all' }).success).toBe(true);
  expect(exportSelectionSchema.safeParse({ type: 'all', ids: ['a'] }).success).toBe(false);
});
