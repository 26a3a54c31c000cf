import { sql } from 'kysely';
import { MAX_BACKUP_YEARS } from '../../rules/retention.ts';
import { type ActivityKind, recordActivity } from '../activity.ts';
import type { Trx } from '../client.ts';

export interface BackupChange {
  id: string;
  actorKeyId: string;
  reason?: string | undefined;
  expiresAt?: Date | undefined;
  legalHold?: boolean | undefined;
}

/**
 * `gone`: the backup was removed or has expired. `sooner`: the new expiry is earlier than the
 * current one. `tooLate`: the new expiry exceeds the limit.
 */
export type BackupChanged = 'changed' | 'gone' | 'sooner' | 'tooLate';

/**
 * Extends a backup, holds it, or releases it. Each change writes a line in the activity log; a
 * value that is already set is not changed. Waits for a concurrent removal.
 */
export const changeBackup = async (trx: Trx, change: BackupChange): Promise<BackupChanged> => {
  const { id, actorKeyId, reason, expiresAt, legalHold } = change;
  const row = await lockBackup(trx, id, expiresAt);
  const isExtended = expiresAt !== undefined && expiresAt.getTime() !== row.expires_at.getTime();
  const isHoldChanged = legalHold !== undefined && legalHold !== row.legal_hold;
  if (row.is_gone) return 'gone';
  if (isExtended && row.is_sooner) return 'sooner';
  if (isExtended && row.is_too_late) return 'tooLate';
  const record = (kind: ActivityKind, details: Record<string, unknown>) =>
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
    await record('backupExtended', { from: row.expires_at, to: expiresAt });
  }
  if (isHoldChanged) {
    await trx.updateTable('exports').set({ legal_hold: legalHold }).where('id', '=', id).execute();
    await record(legalHold ? 'backupHeld' : 'backupReleased', {
      expiresAt: isExtended ? expiresAt : row.expires_at,
    });
  }
  return 'changed';
};

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
