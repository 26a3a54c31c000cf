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
    checkedAt: time.nullable().describe('When the files were last read and verified'),
    expiresAt: time,
    legalHold: z.boolean().describe('A backup under hold does not expire and cannot be purged'),
    removedAt: time
      .nullable()
      .describe('When the backup was removed. Nothing can be restored from it since then'),
    removedBy: z
      .uuid()
      .nullable()
      .describe('The key that purged the backup; null if the backup expired'),
    destroyedAt: time
      .nullable()
      .describe('When the files and the traces of the users were destroyed'),
    purgePhrase: z.string().nullable().describe('Type this as `confirm` to purge the backup'),
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Backup' });

/** The phrase that the platform team types to purge a backup. */
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
