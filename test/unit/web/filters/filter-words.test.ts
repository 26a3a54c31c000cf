import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findField } from '../../../../selection/fields.ts';
import { checkFilter, type Condition, type Filter } from '../../../../selection/filter.ts';
import {
  comparisonOf,
  comparisonsOf,
  withComparison,
} from '../../../../web/filters/comparisons.ts';
import { describeFilter } from '../../../../web/filters/describe-filter.ts';
import { problemsOf, problemsWithin } from '../../../../web/filters/filter-problems.ts';
import { ofLocalInput, toLocalInput } from '../../../../web/filters/local-times.ts';
import { filterArbitrary, TYPES } from '../../../support/arbitraries.ts';

test.each<[Filter, string]>([
  [{ field: 'country', op: 'is', value: 'IN' }, 'Country is “IN”'],
  [{ field: 'properties.plan', op: 'isNotKnown' }, 'plan is not known'],
  [{ field: 'legalHold', op: 'isNot', value: true }, 'Legal hold is not true (or unknown)'],
  [{ field: 'gender', op: 'isNot', value: '$&' }, 'Gender is not “$&” (or unknown)'],
  [{ field: 'city', op: 'notContains', value: 'a…' }, 'City does not contain “a…” (or unknown)'],
  [{ field: 'dob', op: 'lt', value: '1990-02-01' }, 'Date of birth is before 1 Feb 1990'],
  [{ field: 'createdAt', op: 'lt', value: { daysAgo: 90 } }, 'Created is more than 90 days ago'],
  [{ field: 'createdAt', op: 'gte', value: { daysAgo: 1 } }, 'Created is at most 1 day ago'],
  [{ field: 'city', op: 'in', value: ['A', 'B', 'C', 'D', 'E'] }, 'City is one of “A”, “B”, “C” and 2 more'],
  [
    { and: [{ field: 'country', op: 'is', value: 'IN' }, { or: [
      { field: 'tags', op: 'contains', value: 'vip' }, { field: 'properties.score', op: 'gte', value: 5 },
    ] }] },
    'Country is “IN” and (Tags has “vip” or score is at least 5)',
  ],
  [{ not: { field: 'tags', op: 'notContains', value: 'vip' } }, 'not (Tags does not have “vip” (or unknown))'],
  [{ field: 'gone', op: 'gt', value: 5 }, 'gone gt 5'],
])('%j in words', (filter, words) => {
  expect(describeFilter(filter, TYPES)).toBe(words);
}); // prettier-ignore

test('every filter that the API accepts has words and no problem', () => {
  fc.assert(
    fc.property(filterArbitrary, (filter) => {
      expect(describeFilter(filter, TYPES)).not.toMatch(/…|undefined|object/);
      expect(problemsOf(filter, TYPES)).toEqual(checkFilter(filter, TYPES, ''));
    }),
  );
});

const pointersOf = (filter: Filter): string[] =>
  problemsOf(filter, TYPES).map(({ pointer, detail }) => `${pointer} ${detail}`);

test('a condition that is not complete has one problem, at the part that is missing', () => {
  expect(pointersOf({ field: '', op: 'is' })).toEqual(['/field is missing']);
  expect(pointersOf({ and: [{ field: 'country', op: 'is', value: '' }] })).toEqual([
    '/and/0/value is missing',
  ]);
  expect(pointersOf({ field: 'country', op: 'in', value: [] })).toEqual([
    '/value needs at least one value',
  ]);
  expect(pointersOf({ or: [{ not: { and: [] } }] })).toEqual(['/or/0/not has no condition']);
  expect(pointersOf({ field: 'createdAt', op: 'lt', value: { daysAgo: -1 } })).toEqual([
    '/value must be a whole number from 0 to 36500',
  ]);
});

test('the problems of a response are placed within the filter', () => {
  const errors = [
    { pointer: '/selection/filter/and/0/value', detail: 'is required' },
    { pointer: '/selection/filter', detail: 'is empty' },
    { pointer: '/selection/filters', detail: 'is not known' },
  ];
  expect(problemsWithin(errors, '/selection/filter')).toEqual([
    { pointer: '/and/0/value', detail: 'is required' },
    { pointer: '', detail: 'is empty' },
  ]);
});

const change = (condition: Condition, id: string): Condition => {
  const { kind } = findField(condition.field, TYPES)!;
  const comparison = comparisonsOf(kind).find((one) => one.id === id)!;
  return withComparison(condition, comparison, kind);
};

test('another comparison keeps the value where it can', () => {
  const city: Condition = { field: 'city', op: 'is', value: 'Pune' };
  expect(change(city, 'in')).toEqual({ field: 'city', op: 'in', value: ['Pune'] });
  expect(change(change(city, 'in'), 'isNot')).toEqual({ ...city, op: 'isNot' });
  expect(change(city, 'isKnown')).toEqual({ field: 'city', op: 'isKnown' });
  const born: Condition = { field: 'dob', op: 'is', value: '1990-01-01' };
  expect(change(born, 'lt daysAgo')).toEqual({ field: 'dob', op: 'lt', value: { daysAgo: 30 } });
  expect(change({ field: 'legalHold', op: 'isKnown' }, 'is')).toMatchObject({ value: true });
});

test('each comparison is found again from its condition', () => {
  for (const kind of ['text', 'number', 'date', 'time', 'datetime', 'list', 'boolean'] as const) {
    for (const comparison of comparisonsOf(kind)) {
      const condition = withComparison({ field: 'x', op: 'is' }, comparison, kind);
      expect(comparisonOf(condition, kind)).toEqual(comparison);
    }
  }
});

test('a time is entered in the zone of the browser, and sent in UTC', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
      (date) => {
        const iso = date.toISOString().replace(/\.\d+Z$/, 'Z');
        const input = toLocalInput(iso);
        expect(input).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
        expect(new Date(ofLocalInput(input)!).getTime()).toBe(new Date(input).getTime());
      },
    ),
  );
  expect(toLocalInput('2024-07-01')).toBe('');
  expect(ofLocalInput('')).toBeUndefined();
});
