import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Db, Trx } from '../client.ts';
import { isFileOver } from './file-expiry.ts';
import { keyEndedAt } from '../key-end.ts';

/** Longest life of a link, in hours: 7 days. */
export const MAX_LINK_HOURS = 168;

export interface NewLink {
  /** Given when a second try must find the same link; a new one otherwise. */
  id?: string;
  exportId: string;
  createdBy: string;
  hours: number;
}

/**
 * Makes a link that ends after so many hours, and never after its file or the key that made it.
 * When a link of that id is there already, answers with it as it is. Undefined when the file is
 * over, or there is none, or the id belongs to another export's link.
 */
export const createLink = async (
  db: Db,
  { id = uuidv7(), exportId, createdBy, hours }: NewLink,
): Promise<{ id: string; expiresAt: Date } | undefined> => {
  await db
    .insertInto('download_links')
    .columns(['id', 'export_id', 'created_by', 'expires_at'])
    .expression((eb) =>
      eb
        .selectFrom('exports')
        .select([
          sql<string>`${id}::uuid`.as('id'),
          'exports.id as export_id',
          sql<string>`${createdBy}::uuid`.as('created_by'),
          // One that is held outlives its expiry.
          sql<Date>`least(now() + make_interval(hours => ${hours}),
            (SELECT expires_at FROM api_keys WHERE id = ${createdBy}::uuid),
            CASE WHEN NOT exports.legal_hold THEN exports.expires_at END)`.as('expires_at'),
        ])
        .where('exports.id', '=', exportId)
        .where(isFileOver, '=', false),
    )
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const row = await db
    .selectFrom('download_links')
    .select('expires_at')
    .where('id', '=', id)
    .where('export_id', '=', exportId)
    .executeTakeFirst();
  return row && { id, expiresAt: row.expires_at };
};

/**
 * A link ends when it is revoked, and with the key that made it. Null while neither has happened.
 */
const linkRevokedAt = sql<Date | null>`least(link.revoked_at, ${keyEndedAt('maker')})`;

/** A link with the file it leads to, and whether either has ended. */
export const findLink = (db: Db, id: string) =>
  db
    .selectFrom('download_links as link')
    .innerJoin('api_keys as maker', 'maker.id', 'link.created_by')
    .innerJoin('exports', 'exports.id', 'link.export_id')
    .innerJoin('workspaces', 'workspaces.id', 'exports.workspace_id')
    .selectAll('exports')
    .select([
      isFileOver.as('is_over'),
      sql<boolean>`(${linkRevokedAt} IS NOT NULL OR link.expires_at <= now())`.as('link_is_over'),
      'link.id as link_id',
      'link.expires_at as link_expires_at',
      'workspaces.name as workspace_name',
    ])
    .where('link.id', '=', id)
    .executeTakeFirst();

/**
 * Newest first, ended links too. `revoked_at` is also set by the end of the key that made the link.
 */
export const listLinks = (db: Db, exportId: string) =>
  db
    .selectFrom('download_links as link')
    .innerJoin('api_keys as maker', 'maker.id', 'link.created_by')
    .select(['link.id', 'link.created_at', 'link.expires_at', linkRevokedAt.as('revoked_at')])
    .where('link.export_id', '=', exportId)
    .orderBy('link.created_at', 'desc')
    .orderBy('link.id', 'desc')
    .execute();

/** Takes a link of an export back. Of calls side by side one answers `revoked`. */
export const revokeLink = async (
  trx: Trx,
  { exportId, linkId }: { exportId: string; linkId: string },
): Promise<'revoked' | 'revokedBefore' | 'unknown'> => {
  const { numUpdatedRows } = await trx
    .updateTable('download_links')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', linkId)
    .where('export_id', '=', exportId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return 'revoked';
  const isThere = await trx
    .selectFrom('download_links')
    .select('id')
    .where('id', '=', linkId)
    .where('export_id', '=', exportId)
    .executeTakeFirst();
  return isThere === undefined ? 'unknown' : 'revokedBefore';
};
