import { sql } from 'kysely';
import type { ColumnMapping } from '../../imports/options.ts';
import type { Db } from '../client.ts';

/** Most mappings of a workspace. */
export const MAX_MAPPINGS = 100;

export type MappingRow = Awaited<ReturnType<ReturnType<typeof mappingRows>['execute']>>[number];

export const findMapping = (
  db: Db,
  workspaceId: string,
  name: string,
): Promise<MappingRow | undefined> =>
  mappingRows(db, workspaceId).where('name', '=', name).executeTakeFirst();

/** Mappings by name. */
export const listMappings = (
  db: Db,
  page: { workspaceId: string; afterName?: string | undefined; limit: number },
): Promise<MappingRow[]> =>
  mappingRows(db, page.workspaceId)
    .$if(page.afterName !== undefined, (query) => query.where('name', '>', page.afterName ?? ''))
    .orderBy('name')
    .limit(page.limit)
    .execute();

/**
 * Stores a mapping, and replaces an existing one of the same name. Serialized within a workspace.
 */
export const putMapping = (
  db: Db,
  mapping: { workspaceId: string; name: string; columns: ColumnMapping },
): Promise<'created' | 'changed' | 'tooMany'> =>
  db.transaction().execute(async (trx) => {
    const { workspaceId, name } = mapping;
    const columns = JSON.stringify(mapping.columns);
    // Without the lock, two concurrent calls could both insert the last mapping.
    await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`import-mappings/${workspaceId}`}, 0))`.execute(
      trx,
    );
    const { numUpdatedRows } = await trx
      .updateTable('import_mappings')
      .set({ columns, updated_at: sql<Date>`now()` })
      .where('workspace_id', '=', workspaceId)
      .where('name', '=', name)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) return 'changed';
    const { count } = await trx
      .selectFrom('import_mappings')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('workspace_id', '=', workspaceId)
      .executeTakeFirstOrThrow();
    if (count >= MAX_MAPPINGS) return 'tooMany';
    await trx
      .insertInto('import_mappings')
      .values({ workspace_id: workspaceId, name, columns })
      .execute();
    return 'created';
  });

/** True if the mapping existed. Jobs hold copies of it and are not affected. */
export const deleteMapping = async (
  db: Db,
  workspaceId: string,
  name: string,
): Promise<boolean> => {
  const { numDeletedRows } = await db
    .deleteFrom('import_mappings')
    .where('workspace_id', '=', workspaceId)
    .where('name', '=', name)
    .executeTakeFirst();
  return numDeletedRows > 0n;
};

const mappingRows = (db: Db, workspaceId: string) =>
  db
    .selectFrom('import_mappings')
    .select(['name', 'columns', 'created_at', 'updated_at'])
    .where('workspace_id', '=', workspaceId);
