import type { Db } from '../../db/client.ts';
import { findSegment } from '../../db/users/segments.ts';
import type { PropertyTypes } from '../../selection/fields.ts';
import {
  checkFilter,
  type Filter,
  freezeFilter,
  type FrozenFilter,
} from '../../selection/filter.ts';
import type { FrozenQuery } from '../../selection/frozen-selection.ts';
import { invalidRequest, problem } from '../http/problems.ts';

/** The inputs of a freeze. All filters of a selection have the same `now`. */
export interface FreezeContext {
  db: Db;
  workspaceId: string;
  types: PropertyTypes;
  now: Date;
  /** What stands before the name of a part in its pointer. */
  pointer: '?' | '/selection/';
}

/** The conditions of a list of users, or of a selection of the type `query`. */
export interface GivenQuery {
  q?: string | undefined;
  segmentId?: string | undefined;
  filter?: Filter | undefined;
}

/** A frozen selection, and the time of the last change of its segment, which is not stored. */
export interface Frozen<Selection> {
  frozen: Selection;
  segmentUpdatedAt?: Date;
}

/** @throws ProblemError if the segment does not exist, or a filter does not fit the workspace */
export const freezeQuery = async (
  { q, segmentId, filter: given }: GivenQuery,
  excludeIds: string[],
  context: FreezeContext,
): Promise<Frozen<FrozenQuery>> => {
  const rest = { type: 'query', q: q ?? null, excludeIds } as const;
  const read = segmentId === undefined ? undefined : await freezeSegment(segmentId, context);
  const filter = given === undefined ? null : freezeGiven(given, context);
  if (read === undefined) return { frozen: { ...rest, segment: null, filter } };
  const { segment, updatedAt: segmentUpdatedAt } = read;
  return { frozen: { ...rest, segment, filter }, segmentUpdatedAt };
};

/** @throws ProblemError if the filter does not fit the workspace */
export const freezeGiven = (
  filter: Filter,
  { types, now, pointer }: FreezeContext,
): FrozenFilter => {
  const errors = checkFilter(filter, types, `${pointer}filter`);
  if (errors.length > 0) throw invalidRequest(errors);
  return freezeFilter(filter, types, now);
};

/**
 * A copy of a segment, so that later changes of the segment have no effect.
 *
 * @throws ProblemError if it does not exist, or its filter is not valid any more
 */
export const freezeSegment = async (
  id: string,
  { db, workspaceId, types, now, pointer: base }: FreezeContext,
): Promise<{ segment: NonNullable<FrozenQuery['segment']>; updatedAt: Date }> => {
  const pointer = `${base}segmentId`;
  const segment = await findSegment(db, workspaceId, id);
  if (segment === undefined) {
    throw problem('not-found', `There is no segment ${id} in this workspace.`, {
      errors: [{ detail: 'is not a segment of this workspace', pointer }],
    });
  }
  const filter = segment.filter as Filter;
  const [invalid] = checkFilter(filter, types);
  if (invalid !== undefined) {
    const detail = `has a filter that is not valid: ${invalid.pointer} ${invalid.detail}`;
    throw problem('unprocessable', `Segment ${id} ${detail}. Change the segment.`, {
      errors: [{ detail, pointer }],
    });
  }
  return {
    segment: { id, name: segment.name, filter: freezeFilter(filter, types, now) },
    updatedAt: segment.updated_at,
  };
};
