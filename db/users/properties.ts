import { sql } from 'kysely';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Db } from '../client.ts';
import type { PropertyType } from '../../selection/property-types.ts';

/** Most custom properties of a workspace. */
export const MAX_PROPERTIES = 300;

/** Types of a workspace's custom properties, by name. */
export const propertyTypesOf = async (db: Db, workspaceId: string): Promise<PropertyTypes> => {
  const rows = await db
    .selectFrom('properties')
    .select(['name', 'type'])
    .where('workspace_id', '=', workspaceId)
    .execute();
  return new Map(rows.map((row) => [row.name, row.type]));
};

/** Custom properties, sorted by name. */
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

/** Defines a property. Its type can never change. Serialized within a workspace. */
export const createProperty = (
  db: Db,
  property: { workspaceId: string; name: string; type: PropertyType },
): Promise<{ status: 'created'; createdAt: Date } | { status: 'nameTaken' | 'tooMany' }> =>
  db.transaction().execute(async (trx) => {
    const { workspaceId, name, type } = property;
    // Without the lock, two concurrent calls could both insert the 300th property.
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
