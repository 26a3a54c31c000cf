import { countOf } from '../../format/numbers.ts';
import type { Job } from '../job.ts';

/** A selection in words, and its filter where the role may see it. */
export const partsOfSelection = (
  selection: Job['selection'],
): { words: string; filter: unknown } => {
  const { segmentName, q, filter, segmentFilter, count } = selection;
  const filters = [segmentFilter, filter].filter((one) => one !== undefined && one !== null);
  const [first] = filters;
  return {
    words: wordsOf(selection.type, {
      segmentName,
      q,
      count,
      hasFilter: selection.type !== 'segment' && filter !== undefined,
    }),
    filter: filters.length === 2 ? { and: filters } : first,
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
