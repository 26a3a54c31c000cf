import { z } from 'zod';
import type { BackupRow } from '../../db/exports/backups.ts';

const time = z.string().describe('RFC 3339, UTC');

export const backupSchema = z
  .object({
    id: z.uuid(),
    workspace: z.string(),
    deletionId: z.uuid(),
    pass: z.int(),
    state: z.enum(['writing', 'written', 'verified', 'damaged', 'removed']),
    rows: z.int().nullable(),
    bytes: z.int().nullable(),
    sha256: z.string().nullable(),
    createdAt: time,
    verifiedAt: time.nullable(),
    checkedAt: time.nullable().describe('When its files were last read and compared'),
    expiresAt: time,
    legalHold: z.boolean().describe('A held backup neither expires nor is purged'),
    removedAt: time.nullable().describe('Since when nothing can be restored from it'),
    removedBy: z.uuid().nullable().describe('The key that purged it; null when it expired'),
    destroyedAt: time.nullable().describe('When its files and the traces of its users were gone'),
    purgePhrase: z.string().nullable().describe('To be typed as `confirm` to purge it'),
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Backup' });

/** What the platform team types to purge a backup. */
export const purgePhraseOf = ({ rows }: Pick<BackupRow, 'rows'>): string =>
  `purge backup of ${rows ?? 0} users`;

export const toBackupJson = (row: BackupRow): z.infer<typeof backupSchema> => ({
  id: row.id,
  workspace: row.workspace_id,
  deletionId: row.job_id,
  pass: row.pass,
  state: row.state,
  rows: row.rows,
  bytes: row.bytes,
  sha256: row.sha256,
  createdAt: row.created_at.toISOString(),
  verifiedAt: row.verified_at?.toISOString() ?? null,
  checkedAt: (row.scrubbed_at ?? row.verified_at)?.toISOString() ?? null,
  expiresAt: row.expires_at.toISOString(),
  legalHold: row.legal_hold,
  removedAt: row.removed_at?.toISOString() ?? null,
  removedBy: row.removed_by,
  destroyedAt: row.destroyed_at?.toISOString() ?? null,
  purgePhrase: row.state === 'removed' ? null : purgePhraseOf(row),
  links: {
    self: `/v1/backups/${row.id}`,
    deletion: `/v1/deletions/${row.job_id}`,
    ...(row.state === 'verified' &&
      !row.is_over && {
        file: `/v1/backups/${row.id}/file`,
        links: `/v1/backups/${row.id}/links`,
      }),
  },
});
