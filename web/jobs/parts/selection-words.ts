import { countOf } from '../../format/numbers.ts';
import type { Job } from '../job.ts';

/** A selection in words, and its filters where the role may see them. */
export const partsOfSelection = (
  selection: Job['selection'],
): {
  words: string;
  /** All that the users have to match, except a search. */
  filter: unknown;
  /** The part of it that the segment has. */
  segmentFilter: unknown;
} => {
  const { segmentName, q, count } = selection;
  const [segmentFilter, filter] =
    selection.type === 'segment'
      ? [selection['filter'], undefined]
      : [selection['segmentFilter'], selection['filter']];
  const filters = [segmentFilter, filter].filter((one) => one !== undefined && one !== null);
  const [first] = filters;
  return {
    words: wordsOf(selection.type, {
      segmentName,
      q,
      count,
      hasFilter: filter !== undefined,
    }),
    filter: filters.length === 2 ? { and: filters } : first,
    segmentFilter,
  };
};

const wordsOf = (
  type: string,
  parts: { segmentName: unknown; q: unknown; count: unknown; hasFilter: boolean },
): string => {
  if (type === 'all') return 'All users';
  if (type === 'ids') {
    return typeof parts.count === 'number' ? countOf(parts.count, 'chosen user') : 'Chosen users';
  }
  if (type === 'list') return 'A list of users';
  const words = [
    typeof parts.segmentName === 'string' && `segment '${parts.segmentName}'`,
    typeof parts.q === 'string' && `a search for '${parts.q}'`,
    parts.hasFilter && 'a filter',
  ].filter((word) => word !== false);
  return words.length === 0 ? 'A part of the users' : `Users of ${words.join(' and ')}`;
};
