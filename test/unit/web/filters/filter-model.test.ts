import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_FILTER_DEPTH, type Filter } from '../../../../selection/filter.ts';
import {
  filterOf,
  isGroup,
  modelOf,
  pointerOf,
  withoutItem,
} from '../../../../web/filters/filter-model.ts';
import { isFilter, parseFilter } from '../../../../web/filters/read-filter.ts';
import { filterArbitrary } from '../../../support/arbitraries.ts';

const a: Filter = { field: 'country', op: 'is', value: 'IN' };
const b: Filter = { field: 'tags', op: 'contains', value: 'vip' };

test.each<[string, Filter]>([
  ['a condition', a],
  ['a condition in a list', { and: [a] }],
  ['one that must not match', { not: a }],
  ['any of two', { or: [a, b] }],
  ['none of two', { not: { or: [a, b] } }],
  ['groups beside conditions', { and: [a, { or: [a, b] }, { not: { and: [b] } }, { not: b }] }],
])('%s is shown by the builder, and stays what it is', (_name, filter) => {
  expect(filterOf(modelOf(filter)!)).toEqual(filter);
});

test.each<[string, Filter]>([
  ['a third level', { and: [{ or: [a, { and: [b] }] }] }],
  ['a negation in a group', { and: [{ or: [a, { not: b }] }] }],
  ['a double negation', { not: { not: a } }],
])('%s is left to the editor of JSON', (_name, filter) => {
  expect(modelOf(filter)).toBeUndefined();
});

test('every filter of two levels makes a round trip; deeper ones have no model', () => {
  fc.assert(
    fc.property(filterArbitrary, (filter) => {
      const model = modelOf(filter);
      expect(model === undefined ? depthOf(filter) > 2 : filterOf(model)).toEqual(
        model === undefined ? true : filter,
      );
      expect(parseFilter(JSON.stringify(filter))).toEqual({ filter });
    }),
  );
});

test('the pointer of an item leads to it in the filter', () => {
  fc.assert(
    fc.property(filterArbitrary, (filter) => {
      const model = modelOf(filter);
      if (model === undefined) return;
      for (const [index, item] of model.items.entries()) {
        const pointer = pointerOf(model, '', index);
        expect(at(filter, pointer)).toEqual(isGroup(item) ? filterOf(item) : item);
      }
    }),
  );
});

test('the last item takes the filter with it', () => {
  const model = modelOf({ and: [a, b] })!;
  const rest = withoutItem(model, 0)!;
  expect(filterOf(rest)).toEqual({ and: [b] });
  expect(withoutItem(rest, 0)).toBeUndefined();
});

test.each([
  'null', '[]', '"country"', '{}', '{"and":[{}]}', '{"and":[],"or":[]}', '{"not":[]}',
  '{"field":"country","op":"like","value":"I"}', '{"field":"country","op":"is","values":["I"]}',
  '{"field":"createdAt","op":"lt","value":{"daysAgo":"90"}}', '{',
])('%s is not read as a filter', (text) => {
  expect(parseFilter(text)).toHaveProperty('detail');
}); // prettier-ignore

test('an empty list has the form of a filter: it is refused, and never read as no filter', () => {
  expect(isFilter({ and: [] })).toBe(true);
});

/** The levels of a filter, as the API counts them. */
const depthOf = (filter: Filter): number => {
  if ('field' in filter) return 1;
  if ('not' in filter) return 1 + depthOf(filter.not);
  const children = 'and' in filter ? filter.and : filter.or;
  const depth = 1 + Math.max(...children.map(depthOf));
  expect(depth).toBeLessThanOrEqual(MAX_FILTER_DEPTH);
  return depth;
};

const at = (json: unknown, pointer: string): unknown =>
  pointer
    .split('/')
    .slice(1)
    .reduce((node, name) => (node as Record<string, unknown>)[name], json);
