import { expect, test } from 'vitest';
import { apiQueryOf, nextSort, readUserSearch } from '../../../../web/users/user-search.ts';

test('an address is read as it was written; what is not known changes nothing', () => {
  const filter = { field: 'country', op: 'is', value: 'IN' };
  expect(readUserSearch({ q: 42, filter, sort: '-createdAt', limit: '100', do: 'filter' })).toEqual(
    {
      q: '42',
      segment: undefined,
      filter,
      sort: '-createdAt',
      limit: 100,
      after: undefined,
      do: 'filter',
    },
  );
  const odd = readUserSearch({
    q: '',
    sort: 'email; drop',
    limit: 7,
    do: 'delete-now',
    after: null,
  });
  expect(Object.values(odd).filter((value) => value !== undefined)).toEqual([]);
});

test('blanks around a search are not a part of it', () => {
  expect(readUserSearch({ q: ' ada-17\n' }).q).toBe('ada-17');
  expect(readUserSearch({ q: ' ' }).q).toBeUndefined();
});

test('a broken filter is sent, so that the API refuses it: it must not list all users', () => {
  for (const filter of ['country', { and: [] }, 5, null, false]) {
    const search = readUserSearch({ filter });
    expect(apiQueryOf({ filter: search.filter })).toEqual({ filter: JSON.stringify(filter) });
  }
});

test('a click on a column turns its order around', () => {
  expect(nextSort('createdAt', 'userId')).toBe('createdAt');
  expect(nextSort('createdAt', 'createdAt')).toBe('-createdAt');
  expect(nextSort('createdAt', '-createdAt')).toBe('createdAt');
});
