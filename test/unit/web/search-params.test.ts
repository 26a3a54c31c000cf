import { expect, test } from 'vitest';
import { parseSearch, stringifySearch } from '../../../web/shell/search-params.ts';
import { readUserSearch } from '../../../web/users/user-search.ts';

test('a search and a segment are texts, also where they are valid JSON', () => {
  for (const text of ['null', '1e3', '007', 'true', '"ada"', '[1]', '{"a":1}', 'a & b+c=ä']) {
    for (const name of ['q', 'segment'] as const) {
      const address = `?${new URLSearchParams({ [name]: text }).toString()}`;
      expect(readUserSearch(parseSearch(address))[name]).toBe(text);
      expect(stringifySearch(parseSearch(address))).toBe(address);
    }
  }
});

test('a search that is given twice finds what neither of them says, and not everyone', () => {
  expect(readUserSearch(parseSearch('?q=ada&q=bob')).q).toBe('["ada","bob"]');
});

test('all else is JSON, and comes back as it was', () => {
  const search = { q: 'x', filter: { field: 'a', op: 'is', value: '1' }, limit: 25, after: '42' };
  expect(parseSearch(stringifySearch(search))).toEqual(search);
  expect(stringifySearch({ q: undefined })).toBe('');
  expect(parseSearch('')).toEqual({});
});
