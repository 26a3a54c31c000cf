import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { apiSelectionOf, MAX_IDS } from '../../../../web/selection/api-selection.ts';
import {
  countSelected,
  EVERYTHING,
  isTicked,
  NOTHING,
  rangeOf,
  type Selection,
  ticksOf,
  withTicks,
} from '../../../../web/selection/selection.ts';
import {
  cleared,
  emptyState,
  undone,
  withQuery,
  withSelection,
} from '../../../../web/selection/selection-state.ts';
import { createSelectionStore } from '../../../../web/selection/selection-store.ts';
import { wordsOfSelection } from '../../../../web/selection/selection-words.ts';
import { queryIdOf } from '../../../../web/selection/user-query.ts';
import { deletionSelectionSchema } from '../../../../selection/selection.ts';

const PAGE = ['a', 'b', 'c'];
const some = (...ids: string[]): Selection => withTicks(NOTHING, ids, true);
const allBut = (...ids: string[]): Selection => withTicks(EVERYTHING, ids, false);
const idsOf = (count: number) => Array.from({ length: count }, (_, index) => `u-${index}`);

test('the header is ticked for a whole page, and mixed for a part of it', () => {
  expect(ticksOf(NOTHING, PAGE)).toBe('none');
  expect(ticksOf(some('a', 'z'), PAGE)).toBe('some');
  expect(ticksOf(some(...PAGE), PAGE)).toBe('all');
  expect(ticksOf(EVERYTHING, PAGE)).toBe('all');
  expect(ticksOf(allBut('b'), PAGE)).toBe('some');
  expect(ticksOf(NOTHING, [])).toBe('none');
});

test('all is every user of the query, also those that are on no page yet', () => {
  expect(isTicked(EVERYTHING, 'new')).toBe(true);
  expect(countSelected(allBut('a', 'b', 'c'), 12_431)).toBe(12_428);
  expect(countSelected(EVERYTHING, undefined)).toBeUndefined();
});

test('ticking is what the boxes show, in any order', () => {
  const step = fc.record({ ids: fc.subarray(PAGE, { minLength: 1 }), isOn: fc.boolean() });
  fc.assert(
    fc.property(fc.constantFrom(NOTHING, EVERYTHING), fc.array(step), (start, steps) => {
      const boxes = new Map(PAGE.map((id) => [id, isTicked(start, id)]));
      let selection: Selection = start;
      for (const { ids, isOn } of steps) {
        selection = withTicks(selection, ids, isOn);
        for (const id of ids) boxes.set(id, isOn);
      }
      expect(PAGE.map((id) => isTicked(selection, id))).toEqual([...boxes.values()]);
      const ticked = [...boxes.values()].filter(Boolean).length;
      expect(countSelected(selection, PAGE.length)).toBe(ticked);
    }),
  );
});

test('a range goes in both directions, and not beyond the page', () => {
  const page = ['a', 'b', 'c', 'd'];
  expect(rangeOf(page, 'b', 'd')).toEqual(['b', 'c', 'd']);
  expect(rangeOf(page, 'c', 'a')).toEqual(['a', 'b', 'c']);
  expect(rangeOf(page, 'of another page', 'c')).toEqual(['c']);
});

test('a change of the query clears the selection; the query from before brings it back', () => {
  const before = withSelection(emptyState('1'), some('a'));
  const after = withQuery(before, '2');
  expect(after).toMatchObject({ queryId: '2', selection: NOTHING, undo: { queryId: '1' } });
  expect(withQuery(withQuery(after, '3'), '1').selection).toEqual(some('a'));
  const other = withSelection(after, some('b'));
  expect(withQuery(other, '1').selection).toEqual(NOTHING);
});

test('nothing that was cleared comes back by itself', () => {
  const state = cleared(withSelection(emptyState('1'), some('a')));
  expect(state.selection).toEqual(NOTHING);
  expect(withQuery(withQuery(state, '2'), '1')).toEqual(emptyState('1'));
  expect(undone(state)).toEqual(withSelection(emptyState('1'), some('a')));
  expect(undone(withQuery(withSelection(emptyState('1'), some('a')), '2')).selection).toEqual(
    NOTHING,
  );
});

test('a selection becomes one that the API takes', () => {
  const filter = { field: 'country', op: 'is', value: 'IN' };
  const query = { q: 'ada', segmentId: '019a0f6e-5c2a-7b1d-8a3e-4f5061728394', filter };
  const usable = [
    apiSelectionOf(some('a', 'b'), query),
    apiSelectionOf(EVERYTHING, query),
    apiSelectionOf(allBut('a'), { q: 'ada' }),
    apiSelectionOf(allBut('a'), {}),
  ].map((one) => ('selection' in one ? one.selection : undefined));
  expect(usable).toEqual([
    { type: 'ids', ids: ['a', 'b'] },
    { type: 'query', ...query },
    { type: 'query', q: 'ada', excludeIds: ['a'] },
    { type: 'query', filter: { field: 'userId', op: 'isKnown' }, excludeIds: ['a'] },
  ]);
  for (const one of usable) expect(deletionSelectionSchema.safeParse(one).success).toBe(true);
});

const detailOf = (selection: Selection) => apiSelectionOf(selection, { q: 'a' });

test('limits of the API are said before a request is refused', () => {
  expect(detailOf(NOTHING)).toEqual({ detail: 'Select users first.' });
  expect(detailOf(some(...idsOf(MAX_IDS)))).toHaveProperty('selection');
  expect(detailOf(some(...idsOf(MAX_IDS + 1)))).toEqual({
    detail: 'At most 10,000 users can be selected one by one. Use a filter or a segment.',
  });
  expect(detailOf(allBut(...idsOf(MAX_IDS + 1)))).toEqual({
    detail: 'At most 10,000 users can be left out. Use a filter or a segment.',
  });
});

test('the words of the line follow the selection', () => {
  const say = (selection: Selection, total: number | undefined = 12_431) =>
    wordsOfSelection({
      selection,
      pageIds: PAGE,
      total,
      hasOtherPages: true,
      scope: " in 'Churned 2024'",
    });
  expect(say(NOTHING).text).toBe('');
  expect(say(some('a')).text).toBe('1 user is selected.');
  expect(say(some(...PAGE))).toEqual({
    text: 'All 3 users on this page are selected.',
    selectAll: "Select all 12,431 users in 'Churned 2024'",
    mayClear: true,
  });
  expect(say(some(...PAGE, 'z')).text).toBe('4 users are selected.');
  expect(say(EVERYTHING).text).toBe("All 12,431 users in 'Churned 2024' are selected.");
  expect(say(allBut(...PAGE)).text).toBe('12,428 of 12,431 selected (3 left out).');
  const facts = { pageIds: PAGE, total: undefined, hasOtherPages: true, scope: '' };
  const uncounted = (selection: Selection) => wordsOfSelection({ ...facts, selection });
  expect(uncounted(allBut('a')).text).toBe('All users are selected (1 left out).');
  expect(uncounted(some(...PAGE))).toMatchObject({ waitsForCount: true });
  expect(uncounted(some(...PAGE))).not.toHaveProperty('selectAll');
});

const ADA = { keyId: 'key-of-ada', workspaceId: 'acme' };
const BEA = { keyId: 'key-of-bea', workspaceId: 'acme' };

const storageOf = (items: Map<string, string>) => ({
  get length() {
    return items.size;
  },
  key: (index: number) => [...items.keys()][index] ?? null,
  getItem: (name: string) => items.get(name) ?? null,
  setItem: (name: string, value: string) => void items.set(name, value),
  removeItem: (name: string) => void items.delete(name),
});

test('a selection outlives a reload, without the text of its query', () => {
  const items = new Map<string, string>();
  const storage = storageOf(items);
  const queryId = queryIdOf({ q: 'ada@example.com' });
  const state = withQuery(withSelection(emptyState(queryId), allBut('u-1')), 'next');
  createSelectionStore(ADA, storage).change(state);
  expect(createSelectionStore(ADA, storage).state()).toEqual(state);
  expect([...items.values()].join()).not.toContain('ada');
  items.set('keepsake-selection:key-of-ada:acme', '{"queryId":"1","selection":{"kind":"all"}}');
  expect(createSelectionStore(ADA, storage).state().selection).toEqual(NOTHING);
});

test('another person in the same tab selects nothing, and the selection before is removed', () => {
  const items = new Map([['other', 'stays']]);
  const storage = storageOf(items);
  const store = createSelectionStore(ADA, storage);
  store.change(withSelection(store.state(), some('a', 'b')));
  expect(createSelectionStore(BEA, storage).state()).toEqual(emptyState(''));
  expect([...items.keys()]).toEqual(['other']);
  expect(createSelectionStore(ADA, storage).state()).toEqual(emptyState(''));
});

test('if the storage is full, a reload selects nothing rather than other users', () => {
  const items = new Map([['keepsake-selection:key-of-ada:acme', 'older']]);
  const storage = {
    ...storageOf(items),
    getItem: () => null,
    setItem: () => {
      throw new Error('QuotaExceededError');
    },
  };
  const store = createSelectionStore(ADA, storage);
  store.change(withSelection(store.state(), some('a')));
  expect(store.state().selection).toEqual(some('a'));
  expect(items.size).toBe(0);
});
