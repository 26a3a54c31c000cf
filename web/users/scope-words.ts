import type { PropertyTypes } from '../../selection/fields.ts';
import { describeFilter } from '../filters/describe-filter.ts';
import { isFilter } from '../filters/read-filter.ts';
import { countOf } from '../format/numbers.ts';
import type { Selection } from '../selection/selection.ts';
import type { UserQuery } from '../selection/user-query.ts';

/** Follows a number of users in a sentence: ` in 'Churned 2024' that match`. */
export const scopeAfterCount = (
  { q, segmentId, filter }: UserQuery,
  segmentName: string | undefined,
): string => {
  const segment = segmentId === undefined ? '' : ` in ${quoted(segmentName)}`;
  return q === undefined && filter === undefined ? segment : `${segment} that match`;
};

/** The users of a selection in words, for a dialog: `segment 'Churned 2024', Country is “IN”`. */
export const scopeWords = (
  selection: Selection,
  query: UserQuery,
  segmentName: string | undefined,
  properties: PropertyTypes,
): string => {
  if (selection.kind === 'some') {
    return countOf(selection.ids.size, 'chosen user');
  }
  return queryWords(query, segmentName, properties);
};

export const queryWords = (
  { q, segmentId, filter }: UserQuery,
  segmentName: string | undefined,
  properties: PropertyTypes,
): string => {
  const parts = [
    ...(segmentId === undefined ? [] : [`segment ${quoted(segmentName)}`]),
    ...(q === undefined ? [] : [`id, mail, phone or name starts with “${q}”`]),
    ...(isFilter(filter) ? [describeFilter(filter, properties)] : []),
  ];
  return parts.length === 0 ? 'all users' : parts.join(', and ');
};

const quoted = (name: string | undefined): string => `'${name ?? 'this segment'}'`;
