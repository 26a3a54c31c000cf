import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Db, Trx } from '../client.ts';
import { isFileOver } from './file-expiry.ts';
import { keyEndedAt } from '../key-end.ts';

export interface NewLink {
  /** Set if a retry must find the same link. Otherwise the link gets a new id. */
  id?: string;
  exportId: string;
  createdBy: string;
  hours: number;
}

/**
 * Makes a link that expires after `hours`, and never after its file or the key that made it. If a
 * link with this id exists already, returns that link unchanged. Undefined if the file has ended or
 * does not exist, or if the id belongs to a link of another export.
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
          // A file under legal hold outlives its expiry.
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

/** When a link was revoked, or the key that made it ended. Null while neither has happened. */
const linkRevokedAt = sql<Date | null>`least(link.revoked_at, ${keyEndedAt('maker')})`;

/** A link with its file, and whether the link or the file has ended. */
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
 * Links of an export, newest first, including ended ones. `revoked_at` also holds the end of the
 * key that made the link.
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

/** Revokes a link of an export. Of concurrent calls, exactly one returns `revoked`. */
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
