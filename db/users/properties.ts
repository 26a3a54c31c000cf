import { sql } from 'kysely';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Db } from '../client.ts';
import type { PropertyType } from '../../selection/property-types.ts';

/** Custom properties a workspace has at most. */
export const MAX_PROPERTIES = 300;

/** The custom properties of a workspace: their types by name. */
export const propertyTypesOf = async (db: Db, workspaceId: string): Promise<PropertyTypes> => {
  const rows = await db
    .selectFrom('properties')
    .select(['name', 'type'])
    .where('workspace_id', '=', workspaceId)
    .execute();
  return new Map(rows.map((row) => [row.name, row.type]));
};

/** Custom properties in the order of their names. */
export const listProperties = (
  db: Db,
  page: { workspaceId: string; afterName?: string | undefined; limit: number },
) =>
  db
    .selectFrom('properties')
    .select(['name', 'type', 'created_at'])
    .where('workspace_id', '=', page.workspaceId)
    .$if(page.afterName !== undefined, (query) => query.where('name', '>', page.afterName ?? ''))
    .orderBy('name')
    .limit(page.limit)
    .execute();

/** Defines a property, once: its type never changes. One after the other within a workspace. */
export const createProperty = (
  db: Db,
  property: { workspaceId: string; name: string; type: PropertyType },
): Promise<{ status: 'created'; createdAt: Date } | { status: 'nameTaken' | 'tooMany' }> =>
  db.transaction().execute(async (trx) => {
    const { workspaceId, name, type } = property;
    // Without the lock, two at once could both be the 300th.
    await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`properties/${workspaceId}`}, 0))`.execute(
      trx,
    );
    const types = await propertyTypesOf(trx, workspaceId);
    if (types.has(name)) return { status: 'nameTaken' };
    if (types.size >= MAX_PROPERTIES) return { status: 'tooMany' };
    const row = await trx
      .insertInto('properties')
      .values({ workspace_id: workspaceId, name, type })
      .returning('created_at')
      .executeTakeFirstOrThrow();
    return { status: 'created', createdAt: row.created_at };
  });
