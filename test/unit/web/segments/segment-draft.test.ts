import { expect, test } from 'vitest';
import type { Filter } from '../../../../selection/filter.ts';
import {
  changesOf,
  draftProblems,
  hasProblems,
  NEW_DRAFT,
  sentProblems,
} from '../../../../web/segments/segment-draft.ts';
import { readSegmentSearch, withName } from '../../../../web/segments/segment-search.ts';

const INDIA: Filter = { field: 'country', op: 'is', value: 'IN' };
const NONE = new Map();

test('a new draft lacks its name and its condition', () => {
  const { name, filter, conditions } = draftProblems(NEW_DRAFT, NONE);
  expect({ name, filter, places: conditions.map(({ pointer }) => pointer) }).toEqual({
    name: 'Enter a name.',
    filter: undefined,
    places: ['/field'],
  });
});

test('a draft without a filter is refused: it would mean everyone', () => {
  const problems = draftProblems({ name: 'All', filter: undefined }, NONE);
  expect(problems.filter).toMatch('never means everyone');
  expect(hasProblems(problems)).toBe(true);
  expect(hasProblems(draftProblems({ name: 'India', filter: INDIA }, NONE))).toBe(false);
});

test('only what differs is sent', () => {
  const base = { name: 'India', filter: INDIA };
  expect(changesOf(base, { name: ' India ', filter: { ...INDIA } })).toBeUndefined();
  expect(changesOf(base, { ...base, name: 'IN' })).toEqual({ name: 'IN' });
  const france = { ...INDIA, value: 'FR' } as Filter;
  expect(changesOf(base, { name: 'India', filter: france })).toEqual({ filter: france });
});

test('the problems of a response stand at the name and at the conditions', () => {
  const problems = sentProblems([
    { pointer: '/name', detail: 'is already in use' },
    { pointer: '/filter/and/0/value', detail: 'is missing' },
  ]);
  expect(problems).toEqual({
    name: 'This name is already in use.',
    conditions: [{ pointer: '/and/0/value', detail: 'is missing' }],
  });
});

test('a search finds a part of a name in any case, and everything without a text', () => {
  const all = [{ name: 'Churned 2024' }, { name: 'VIP' }];
  expect(withName(all, ' vip')).toEqual([{ name: 'VIP' }]);
  expect(withName(all, undefined)).toEqual(all);
});

test('an address with a number as its search keeps it as a text', () => {
  expect(readSegmentSearch({ q: 2024, delete: 'x' })).toEqual({ q: '2024', delete: 'x' });
  expect(readSegmentSearch({})).toEqual({ q: undefined, delete: undefined });
});
