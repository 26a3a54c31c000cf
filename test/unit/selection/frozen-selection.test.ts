import { expect, test } from 'vitest';
import { compileSelection } from '../../../selection/compile-selection.ts';
import type { FrozenFilter } from '../../../selection/filter.ts';
import {
  type FrozenSelection,
  readFrozenSelection,
  readPreviewedSelection,
} from '../../../selection/frozen-selection.ts';
import { TYPES } from '../../support/arbitraries.ts';

const ID = '019a0f6e-5c2a-7b1d-8a3e-4f5061728394';
const filter = { field: 'firstName', op: 'is', value: 'Ada' } as unknown as FrozenFilter;
const segment = { id: ID, name: 'Quiet', filter };

const WHOLE = {
  all: { type: 'all' },
  ids: { type: 'ids', count: 2 },
  list: { type: 'list', listId: ID, count: 2 },
  segment: { type: 'segment', segmentId: ID, segmentName: 'Quiet', filter, excludeIds: [] },
  filter: { type: 'filter', filter, excludeIds: ['u-1'] },
  query: { type: 'query', q: 'ada', segment, filter, excludeIds: [] },
} as const satisfies Record<FrozenSelection['type'], object>;

type Stored = Record<string, unknown>;
const compile = (stored: unknown) => compileSelection(stored as FrozenSelection, TYPES);
const unreadable = expect.objectContaining({ name: 'UnreadableSelection' });
const cases = Object.values(WHOLE).map((stored): [string, Stored] => [stored.type, stored]);
const matching = cases.filter(([type]) => !['ids', 'list'].includes(type));

test.each(cases)('a stored selection of the type %s is read as it was stored', (_, stored) => {
  expect(readFrozenSelection(stored)).toEqual(stored);
});

test.each(matching)('a whole selection of the type %s is compiled', (_, stored) => {
  expect(() => compile(stored)).not.toThrow();
});

test.each(cases)('a selection of the type %s that lost any part is not read', (_, stored) => {
  for (const name of Object.keys(stored)) {
    const { [name]: _lost, ...rest } = stored;
    expect(() => readFrozenSelection(rest)).toThrow(unreadable);
    expect(() => compile(rest)).toThrow(unreadable);
  }
});

test.each(cases)('a selection of the type %s with an unknown part is not read', (_, stored) => {
  for (const part of [{ also: 1 }, { erased: true }, { ids: ['u-1'] }, { or: [] }]) {
    expect(() => readFrozenSelection({ ...stored, ...part })).toThrow(unreadable);
    expect(() => compile({ ...stored, ...part })).toThrow(unreadable);
  }
});

test.each(cases)('a selection of the type %s is not read as that of another type', (_, stored) => {
  for (const type of Object.keys(WHOLE).filter((other) => other !== stored['type'])) {
    const other = { ...stored, type };
    expect(() => readFrozenSelection(other)).toThrow(unreadable);
  }
});

test.each([
  ['no condition', { q: null, segment: null, filter: null }],
  ['an empty search', { q: '' }],
  ['a search that is not text', { q: ['ada'] }],
  ['a segment without its filter', { segment: { id: ID, name: 'Quiet' } }],
  ['a segment with an unknown part', { segment: { ...segment, also: 1 } }],
  ['an empty filter', { filter: {} }],
  ['a filter of no conditions', { filter: { and: [] } }],
  ['a condition without its value', { filter: { field: 'firstName', op: 'isNot' } }],
  ['an unknown property', { filter: { field: 'nope', op: 'isKnown' } }],
  ['an unknown operator', { filter: { field: 'firstName', op: 'like', value: 'A' } }],
  ['a part within a filter', { filter: { not: filter, also: filter } }],
  ['a relative date', { filter: { field: 'createdAt', op: 'lt', value: { daysAgo: 1 } } }],
  ['excluded ids that are not a list', { excludeIds: 'u-1' }],
  ['no excluded ids', { excludeIds: null }],
])('a query with %s is not compiled', (_, change) => {
  expect(() => compile({ ...WHOLE.query, ...change })).toThrow(unreadable);
});

test('users that are named one by one, and values that are not objects, have no condition', () => {
  for (const stored of [WHOLE.ids, WHOLE.list, null, undefined, 'all', [], {}]) {
    expect(() => compile(stored)).toThrow(unreadable);
  }
});

test('the selection of a preview has its ids, and is never all users', () => {
  const ids = { type: 'ids', ids: ['u-1'] };
  expect(readPreviewedSelection(ids)).toEqual(ids);
  expect(readPreviewedSelection(WHOLE.query)).toEqual(WHOLE.query);
  for (const stored of [WHOLE.all, WHOLE.ids, { ...ids, also: 1 }, { type: 'ids' }]) {
    expect(() => readPreviewedSelection(stored)).toThrow(unreadable);
  }
});

test('the message names the part, and no value', () => {
  const secret = { field: 'email', op: 'isNot', value: { daysAgo: 1, mail: 'ada@example.com' } };
  expect(() => compile({ ...WHOLE.query, filter: secret })).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('ada') }),
  );
});
