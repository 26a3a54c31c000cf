import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { Db } from '../db/client.ts';
import { propertyTypesOf } from '../db/properties.ts';
import { findSegment } from '../db/segments.ts';
import { compileSelection } from '../selection/compile.ts';
import type { PropertyTypes } from '../selection/fields.ts';
import { checkFilter, type Filter, freezeFilter, type FrozenFilter } from '../selection/filter.ts';
import type { ExportSelection, FrozenSelection } from '../selection/selection.ts';
import { invalidRequest, problem } from './problems.ts';

/** A selection made ready to act on: nothing in it moves any more. */
export interface ResolvedSelection {
  /** As the job's row holds it: chosen users are only counted there. */
  frozen: FrozenSelection;
  /** The chosen users. */
  targetIds?: string[];
  /** What the users of the selection satisfy. */
  where: RawBuilder<SqlBool>;
}

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
      errors: [{ detail: 'is no segment of this workspace', pointer: '/selection/segmentId' }],
    });
  }
  return freezeFilter(segment.filter as Filter, types, new Date());
};

/**
 * Copies a segment's filter, turns relative dates into moments, and takes chosen ids out.
 *
 * @throws ProblemError when the segment is not there or the filter does not fit the workspace
 */
export const resolveSelection = async (
  db: Db,
  workspaceId: string,
  selection: ExportSelection,
): Promise<ResolvedSelection> => {
  if (selection.type === 'ids') {
    const { ids } = selection;
    return {
      frozen: { type: 'ids', count: ids.length },
      targetIds: ids,
      where: sql<SqlBool>`users.user_id = ANY (${ids}::text[])`,
    };
  }
  if (selection.type === 'all') return { frozen: selection, where: sql<SqlBool>`true` };
  const types = await propertyTypesOf(db, workspaceId);
  const { excludeIds } = selection;
  const excluded = excludeIds === undefined ? {} : { excludeIds };
  const frozen: FrozenSelection =
    selection.type === 'filter'
      ? { type: 'filter', filter: freezeOwn(selection.filter, types), ...excluded }
      : {
          type: 'segment',
          segmentId: selection.segmentId,
          filter: await freezeSegment(db, workspaceId, selection.segmentId, types),
          ...excluded,
        };
  return { frozen, where: compileSelection(frozen, types) };
};
