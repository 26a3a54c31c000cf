import type { components } from '../api/schema.d.ts';
import { formatCount } from '../format/numbers.ts';
import { isNothing, type Selection } from './selection.ts';
import { hasCondition, type UserQuery } from './user-query.ts';

type Schemas = components['schemas'];

/** A selection as deletion previews and exports take it. */
export type ApiSelection = Schemas['IdsSelection'] | Schemas['QuerySelection'];

/** The most ids in a selection, chosen or left out: a limit of the API. */
export const MAX_IDS = 10_000;

/** A query must have a condition. This one is true for every user. */
const OF_EVERYONE = { field: 'userId', op: 'isKnown' } as const;

/** Why a selection cannot be used, or the selection for a request. */
export type Usable = { selection: ApiSelection } | { detail: string };

export const apiSelectionOf = (selection: Selection, query: UserQuery): Usable => {
  if (isNothing(selection)) return { detail: 'Select users first.' };
  if (selection.kind === 'some') {
    const ids = [...selection.ids];
    return ids.length > MAX_IDS
      ? { detail: `${TOO_MANY} can be selected one by one. Use a filter or a segment.` }
      : { selection: { type: 'ids', ids } };
  }
  const excludeIds = [...selection.except];
  if (excludeIds.length > MAX_IDS) {
    return { detail: `${TOO_MANY} can be left out. Use a filter or a segment.` };
  }
  return {
    selection: { ...querySelectionOf(query), ...(excludeIds.length > 0 && { excludeIds }) },
  };
};

/** All users that a query finds. */
export const querySelectionOf = (query: UserQuery): Schemas['QuerySelection'] => {
  const { q, segmentId, filter } = hasCondition(query) ? query : { filter: OF_EVERYONE };
  return {
    type: 'query',
    ...(q !== undefined && { q }),
    ...(segmentId !== undefined && { segmentId }),
    // A filter that is broken is refused by the API, as in the list.
    ...(filter !== undefined && { filter: filter as Schemas['Filter'] }),
  };
};

const TOO_MANY = `At most ${formatCount(MAX_IDS)} users`;
