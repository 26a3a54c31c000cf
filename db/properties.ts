import type { PropertyTypes } from '../selection/fields.ts';
import type { Db } from './client.ts';

/** The custom properties of a workspace: their types by name. */
export const propertyTypesOf = async (db: Db, workspaceId: string): Promise<PropertyTypes> => {
  const rows = await db
    .selectFrom('properties')
    .select(['name', 'type'])
    .where('workspace_id', '=', workspaceId)
    .execute();
  return new Map(rows.map((row) => [row.name, row.type]));
};
