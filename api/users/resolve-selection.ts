import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { Db } from '../../db/client.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { findSegment } from '../../db/users/segments.ts';
import { findUserList, type ListRef } from '../../db/users/user-lists.ts';
import type { Excluded } from '../../db/deletions/preview-report.ts';
import { compileFilter, compileSelection } from '../../selection/compile.ts';
import type { PropertyTypes } from '../../selection/fields.ts';
import {
  checkFilter,
  type Filter,
  freezeFilter,
  type FrozenFilter,
} from '../../selection/filter.ts';
import type { ExportSelection, FrozenSelection } from '../../selection/selection.ts';
import { invalidRequest, problem } from '../http/problems.ts';

/** A resolved selection. Only the users that a list matches can still change. */
export type ResolvedSelection =
  | {
      /** As stored with the job, which has only the number of chosen users. */
      frozen: FrozenSelection;
      /** The chosen users. */
      targetIds?: readonly string[];
      /** The condition for the users of the selection. */
      where: RawBuilder<SqlBool>;
      /** The excluded users. */
      excluded?: Excluded;
    }
  | { list: ListRef & { entries: number } };

/** @throws ProblemError if the list does not exist or was deleted */
export const resolveList = async (
  db: Db,
  workspaceId: string,
  listId: string,
  pointer: string,
): Promise<ListRef & { entries: number }> => {
  const list = await findUserList(db, listId, workspaceId);
  if (list !== undefined) {
    const { id, match_by: matchBy, entries } = list;
    return { id, workspaceId, matchBy, entries };
  }
  throw problem(
    'not-found',
    `There is no list ${listId} in this workspace. A list is deleted one day after its upload.`,
    { errors: [{ detail: 'is not a list of this workspace', pointer }] },
  );
};

/**
 * Copies the filter of a segment, turns relative dates into timestamps, extracts chosen ids, and
 * finds lists.
 *
 * @throws ProblemError if the segment or list does not exist, or the filter does not fit the
 *   workspace
 */
export const resolveSelection = async (
  db: Db,
  workspaceId: string,
  selection: ExportSelection,
): Promise<ResolvedSelection> => {
  switch (selection.type) {
    case 'all':
      return { frozen: selection, where: sql<SqlBool>`true` };
    case 'ids': {
      const { ids } = selection;
      return {
        frozen: { type: 'ids', count: ids.length },
        targetIds: ids,
        where: sql<SqlBool>`users.user_id = ANY (${ids}::text[])`,
      };
    }
    case 'list':
      return {
        list: await resolveList(db, workspaceId, selection.listId, '/selection/listId'),
      };
    case 'segment':
    case 'filter': {
      const types = await propertyTypesOf(db, workspaceId);
      const frozen = await freeze(db, workspaceId, selection, types);
      const { filter, excludeIds: ids } = frozen;
      return {
        frozen,
        where: compileSelection(frozen, types),
        ...(ids !== undefined && { excluded: { ids, matches: compileFilter(filter, types) } }),
      };
    }
  }
};

/**
 * A filter or segment as stored with the job, and its condition without the excluded ids.
 */
const freeze = async (
  db: Db,
  workspaceId: string,
  selection: Extract<ExportSelection, { type: 'segment' | 'filter' }>,
  types: PropertyTypes,
) => {
  const { excludeIds } = selection;
  const excluded = excludeIds === undefined ? {} : { excludeIds };
  return selection.type === 'filter'
    ? { type: 'filter' as const, filter: freezeOwn(selection.filter, types), ...excluded }
    : {
        type: 'segment' as const,
        segmentId: selection.segmentId,
        filter: await freezeSegment(db, workspaceId, selection.segmentId, types),
        ...excluded,
      };
};

const freezeOwn = (filter: Filter, types: PropertyTypes): FrozenFilter => {
  const errors = checkFilter(filter, types, '/selection/filter');
  if (errors.length > 0) throw invalidRequest(errors);
  return freezeFilter(filter, types, new Date());
};

const freezeSegment = async (
  db: Db,
  workspaceId: string,
  segmentId: string,
  types: PropertyTypes,
): Promise<FrozenFilter> => {
  const segment = await findSegment(db, workspaceId, segmentId);
  if (segment === undefined) {
    throw problem('not-found', `There is no segment ${segmentId} in this workspace.`, {
      errors: [{ detail: 'is not a segment of this workspace', pointer: '/selection/segmentId' }],
    });
  }
  return freezeFilter(segment.filter as Filter, types, new Date());
};
