import { sql } from 'kysely';
import { type ActivityKind, recordActivity } from '../activity.ts';
import type { Trx } from '../client.ts';

/** How far ahead a backup may be kept, in years. */
export const MAX_BACKUP_YEARS = 10;

export interface BackupChange {
  id: string;
  actorKeyId: string;
  reason?: string | undefined;
  expiresAt?: Date | undefined;
  legalHold?: boolean | undefined;
}

/**
 * `gone`: removed or expired; `sooner`: it would end before it does now; `tooLate`: past the limit.
 */
export type BackupChanged = 'changed' | 'gone' | 'sooner' | 'tooLate';

const lockBackup = (trx: Trx, id: string, expiresAt: Date | undefined) =>
  trx
    .selectFrom('exports')
    .selectAll()
    .select([
      sql<boolean>`state = 'removed' OR (NOT legal_hold AND expires_at <= now())`.as('is_gone'),
      sql<boolean>`coalesce(${expiresAt ?? null}::timestamptz < greatest(expires_at, now()), false)`.as(
        'is_sooner',
      ),
      sql<boolean>`coalesce(${expiresAt ?? null}::timestamptz
        > now() + make_interval(years => ${MAX_BACKUP_YEARS}), false)`.as('is_too_late'),
    ])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();

/**
 * Keeps a backup longer, holds it, or lets go of it, each with its line in the activity log; what
 * is so already is left alone. A removal at the same time is waited for.
 */
export const changeBackup = async (trx: Trx, change: BackupChange): Promise<BackupChanged> => {
  const { id, actorKeyId, reason, expiresAt, legalHold } = change;
  const row = await lockBackup(trx, id, expiresAt);
  const isExtended = expiresAt !== undefined && expiresAt.getTime() !== row.expires_at.getTime();
  const isHoldChanged = legalHold !== undefined && legalHold !== row.legal_hold;
  if (row.is_gone) return 'gone';
  if (isExtended && row.is_sooner) return 'sooner';
  if (isExtended && row.is_too_late) return 'tooLate';
  const tell = (kind: ActivityKind, details: Record<string, unknown>) =>
    recordActivity(trx, {
      kind,
      workspaceId: row.workspace_id,
      actorKeyId,
      jobId: row.job_id,
      exportId: id,
      ...(reason !== undefined && { reason }),
      counts: { users: row.rows ?? 0 },
      details: { sha256: row.sha256, ...details },
    });
  if (isExtended) {
    await trx.updateTable('exports').set({ expires_at: expiresAt }).where('id', '=', id).execute();
    await tell('backupExtended', { from: row.expires_at, to: expiresAt });
  }
  if (isHoldChanged) {
    await trx.updateTable('exports').set({ legal_hold: legalHold }).where('id', '=', id).execute();
    await tell(legalHold ? 'backupHeld' : 'backupReleased', {
      expiresAt: isExtended ? expiresAt : row.expires_at,
    });
  }
  return 'changed';
};
