import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { Db } from '../../db/client.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { findUserList, type ListRef } from '../../db/users/user-lists.ts';
import type { Excluded } from '../../db/deletions/preview-report.ts';
import { compileSelection } from '../../selection/compile-selection.ts';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { FrozenSelection, MatchingSelection } from '../../selection/frozen-selection.ts';
import type { ExportSelection } from '../../selection/selection.ts';
import { problem } from '../http/problems.ts';
import {
  type FreezeContext,
  freezeGiven,
  freezeQuery,
  freezeSegment,
  type Frozen,
} from './freeze-selection.ts';

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
      /** When the segment was last changed. */
      segmentUpdatedAt?: Date;
    }
  | { list: ListRef & { entries: number } }
  /**
   * The users that an earlier job named: by a list, or as a retry. Those of a retry must match
   * `where`.
   */
  | { listOfJob: { listId: string; jobId: string; where?: RawBuilder<SqlBool> } };

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
): Promise<Exclude<ResolvedSelection, { listOfJob: unknown }>> => {
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
    case 'filter':
    case 'query': {
      const types = await propertyTypesOf(db, workspaceId);
      const pointer = '/selection/' as const;
      const context = { db, workspaceId, types, now: new Date(), pointer };
      const { frozen, ...times } = await freeze(selection, context);
      return { ...resolveMatching(frozen, types), ...times };
    }
  }
};

/** The conditions of a frozen selection, with and without its excluded users. */
export const resolveMatching = (
  frozen: MatchingSelection,
  types: PropertyTypes,
): Extract<ResolvedSelection, { frozen: FrozenSelection }> => {
  const { excludeIds: ids } = frozen;
  return {
    frozen,
    where: compileSelection(frozen, types),
    ...(ids.length > 0 && {
      excluded: { ids, matches: compileSelection({ ...frozen, excludeIds: [] }, types) },
    }),
  };
};

/** A selection as stored with the job. */
const freeze = async (
  selection: Extract<ExportSelection, { type: MatchingSelection['type'] }>,
  context: FreezeContext,
): Promise<Frozen<MatchingSelection>> => {
  const { excludeIds = [] } = selection;
  switch (selection.type) {
    case 'filter': {
      const filter = freezeGiven(selection.filter, context);
      return { frozen: { type: 'filter', filter, excludeIds } };
    }
    case 'segment': {
      const { segment, updatedAt } = await freezeSegment(selection.segmentId, context);
      const { id: segmentId, name: segmentName, filter } = segment;
      const frozen = { type: 'segment', segmentId, segmentName, filter, excludeIds } as const;
      return { frozen, segmentUpdatedAt: updatedAt };
    }
    case 'query':
      return freezeQuery(selection, excludeIds, context);
  }
};
