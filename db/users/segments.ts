import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Filter } from '../../selection/filter.ts';
import type { Db } from '../client.ts';
import { isUniqueViolation } from '../connections/sql-states.ts';

export type SegmentRow = Awaited<ReturnType<ReturnType<typeof segmentRows>['execute']>>[number];

/** A segment. Its filter is as stored, relative dates included. */
export const findSegment = (
  db: Db,
  workspaceId: string,
  segmentId: string,
): Promise<SegmentRow | undefined> =>
  segmentRows(db, workspaceId).where('id', '=', segmentId).executeTakeFirst();

/** Segments in the order of creation: their ids are UUIDv7. */
export const listSegments = (
  db: Db,
  page: { workspaceId: string; afterId?: string | undefined; limit: number },
): Promise<SegmentRow[]> =>
  segmentRows(db, page.workspaceId)
    .$if(page.afterId !== undefined, (query) => query.where('id', '>', page.afterId ?? ''))
    .orderBy('id')
    .limit(page.limit)
    .execute();

/** The id of the new segment; undefined if the name is taken. */
export const createSegment = async (
  db: Db,
  segment: { workspaceId: string; name: string; filter: Filter },
): Promise<string | undefined> => {
  const row = await db
    .insertInto('segments')
    .values({
      id: uuidv7(),
      workspace_id: segment.workspaceId,
      name: segment.name,
      filter: JSON.stringify(segment.filter),
    })
    .onConflict((conflict) => conflict.columns(['workspace_id', 'name']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return row?.id;
};

/** Updates the given properties of a segment. */
export const updateSegment = async (
  db: Db,
  segment: {
    workspaceId: string;
    segmentId: string;
    name?: string | undefined;
    filter?: Filter | undefined;
  },
): Promise<{ status: 'updated' | 'notFound' | 'nameTaken' }> => {
  try {
    const { numUpdatedRows } = await db
      .updateTable('segments')
      .set({
        ...(segment.name !== undefined && { name: segment.name }),
        ...(segment.filter !== undefined && { filter: JSON.stringify(segment.filter) }),
        updated_at: sql<Date>`now()`,
      })
      .where('workspace_id', '=', segment.workspaceId)
      .where('id', '=', segment.segmentId)
      .executeTakeFirst();
    return { status: numUpdatedRows > 0n ? 'updated' : 'notFound' };
  } catch (error) {
    if (isUniqueViolation(error)) return { status: 'nameTaken' };
    throw error;
  }
};

/** True if the segment existed. Jobs hold copies of its filter and are not affected. */
export const deleteSegment = async (
  db: Db,
  workspaceId: string,
  segmentId: string,
): Promise<boolean> => {
  const { numDeletedRows } = await db
    .deleteFrom('segments')
    .where('workspace_id', '=', workspaceId)
    .where('id', '=', segmentId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
};

const segmentRows = (db: Db, workspaceId: string) =>
  db
    .selectFrom('segments')
    .select(['id', 'name', 'filter', 'created_at', 'updated_at'])
    .where('workspace_id', '=', workspaceId);
