import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { compileFilter } from './compile.ts';
import type { PropertyTypes } from './fields.ts';
import { checkFilter, type FrozenFilter } from './filter.ts';
import {
  type FrozenQuery,
  type FrozenSelection,
  type MatchingSelection,
  namesItsUsers,
  readFrozenSelection,
  unreadableSelection,
} from './frozen-selection.ts';
import { compileSearch } from './search.ts';

/**
 * The condition of a frozen selection, over the table alias `users`. The only one: it lists,
 * counts, previews, exports and deletes. Users that are named one by one are not selected by a
 * condition: they are the targets of a job.
 *
 * @throws UnreadableSelection if a part of the selection is missing, not known or not valid
 */
export const compileSelection = (
  selection: FrozenSelection,
  properties: PropertyTypes,
): RawBuilder<SqlBool> => {
  const frozen = readFrozenSelection(selection);
  if (frozen.type === 'all') return sql<SqlBool>`true`;
  if (namesItsUsers(frozen)) throw unreadableSelection('its users are named one by one');
  const { excludeIds } = frozen;
  const matches = compileMatches(frozen, properties);
  if (excludeIds.length === 0) return matches;
  return sql<SqlBool>`(${matches}
    AND users.user_id NOT IN (SELECT unnest(${excludeIds}::text[])))`;
};

const compileMatches = (
  selection: MatchingSelection,
  properties: PropertyTypes,
): RawBuilder<SqlBool> => {
  switch (selection.type) {
    case 'segment':
    case 'filter':
      return compileChecked(selection.filter, properties);
    case 'query':
      return sql<SqlBool>`(${sql.join(conditionsOf(selection, properties), sql` AND `)})`;
  }
};

const conditionsOf = (
  { q, segment, filter }: FrozenQuery,
  properties: PropertyTypes,
): RawBuilder<SqlBool>[] => [
  ...(q === null ? [] : [compileSearch(q)]),
  ...(segment === null ? [] : [compileChecked(segment.filter, properties)]),
  ...(filter === null ? [] : [compileChecked(filter, properties)]),
];

/** Without its value, a condition such as `isNot` would select nearly everyone. */
const compileChecked = (filter: FrozenFilter, properties: PropertyTypes): RawBuilder<SqlBool> => {
  const [problem] = checkFilter(filter, properties);
  if (problem !== undefined) throw unreadableSelection(`${problem.pointer} ${problem.detail}`);
  return compileFilter(filter, properties);
};
