import { lendRenewed } from '../../db/connections/connection.ts';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DatabaseError, type PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  type Batch,
  rehearseBatchDeletion,
  rehearseDeletion,
} from '../../db/deletions/deletion-batches.ts';
import type { ExportRow, StoredPart } from '../../db/exports/exports.ts';
import { restoreStatements, type RestoreTarget } from '../../db/restores/restore-statements.ts';
import { isContended, isDatabaseAway, reasonOf } from '../../db/connections/sql-states.ts';
import { readColumn, readRawRecords } from '../../files/read-records.ts';
import { findBackupColumns, userIdColumnOf } from './backup-columns.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';
import { insertCarefully, type NotRestored } from './insert-staged.ts';
import { BEGIN_RESTORE, RENEW_RESTORE } from './restore-settings.ts';
import { findTarget } from './restore-users.ts';

/** The most users to rehearse: one for each column that has a value, up to this number. */
const MAX_REHEARSED = 100;

type Deps = Pick<ActivityDeps, 'database' | 'lanes' | 'storage'>;

/** A part of a backup. */
interface BackupPart {
  backup: ExportRow;
  part: StoredPart;
}

/**
 * Shows that the users of a backup can be restored, before any of them is deleted. Deletes a few
 * different users of the first part that has any, restores them from the stored file, compares
 * them, and rolls back. It uses the code of every restore.
 *
 * @returns whether a user was restored; false if no user can be deleted now because others have
 *   locked them
 * @throws notRestorable with the reason
 */
export const rehearseRestore = async (
  deps: Deps,
  backup: ExportRow,
  parts: readonly StoredPart[],
  signal: AbortSignal,
): Promise<boolean> => {
  const client = await lendRenewed(deps.lanes);
  let isWhole = false;
  try {
    let isDone = false;
    for (const part of parts) {
      signal.throwIfAborted();
      isDone = await rehearsePart(deps, client, { backup, part }, signal);
      if (isDone) break;
    }
    isWhole = true;
    return isDone;
  } finally {
    client.release(!isWhole);
  }
};

/**
 * Rehearses when `rehearseRestore` found no users but a batch deletes some. Either others had
 * locked the users, or the users refer to each other and can only be deleted together.
 *
 * @param client the batch's own connection, without an open transaction
 * @returns as `rehearseRestore` does
 * @throws as `rehearseRestore` does
 */
export const rehearseBatch = async (
  deps: Deps,
  client: PoolClient,
  held: BackupPart & { batch: Batch },
  signal: AbortSignal,
): Promise<boolean> =>
  (await rehearsePart(deps, client, held, signal)) ||
  (await rehearseWholeBatch(deps, client, held, signal));

/** Rehearses different users of a part. Returns false if none of them can be deleted now. */
const rehearsePart = async (
  deps: Deps,
  client: PoolClient,
  { backup, part }: BackupPart,
  signal: AbortSignal,
): Promise<boolean> => {
  await client.query(BEGIN_RESTORE);
  const deleted = await rehearseDeletion(client, part, MAX_REHEARSED);
  const indexes = deleted.map(({ index }) => index);
  if (indexes.length > 0) {
    const target = await findTarget(deps, backup, signal, true);
    await restoreAgain(deps, client, { part, target, indexes }, signal);
  }
  await client.query('ROLLBACK');
  return indexes.length > 0;
};

/**
 * Restores deleted users in the open transaction, by their positions in the part.
 *
 * @throws notRestorable with the reason for the first user that stays out
 */
const restoreAgain = async (
  { storage }: Pick<Deps, 'storage'>,
  client: PoolClient,
  { part, target, indexes }: { part: StoredPart; target: RestoreTarget; indexes: number[] },
  signal: AbortSignal,
): Promise<void> => {
  // Resets what triggers have changed, and sets the lock timeouts of a restore.
  await client.query(RENEW_RESTORE);
  const statements = restoreStatements(target, 'text');
  const text = await readRawRecords(storage, part, indexes);
  await client.query(statements.createStaging);
  const copy = copyFrom(statements.copy);
  await pipeline(Readable.from([text]), client.query(copy), { signal });
  const rows = indexes.length;
  if (copy.rowCount !== rows) throw failures.exportDamaged(part, 'rows');
  let notRestored: NotRestored[];
  try {
    ({ notRestored } = await insertCarefully({ client, statements, rows }, signal));
  } catch (error) {
    // A missing right, or a broken trigger, keeps every user out.
    if (!(error instanceof DatabaseError) || isDatabaseAway(error) || isContended(error))
      throw error;
    throw failures.notRestorable(part.exportId, reasonOf(error));
  }
  const [first] = notRestored;
  if (first !== undefined) throw failures.notRestorable(part.exportId, first.reason);
};

/** Rehearses all users of a batch. Returns false if the batch is refused or deletes no user. */
const rehearseWholeBatch = async (
  deps: Deps,
  client: PoolClient,
  { backup, part, batch }: BackupPart & { batch: Batch },
  signal: AbortSignal,
): Promise<boolean> => {
  // Read before the transaction takes locks. Only the backup's own columns are needed here.
  const column = userIdColumnOf(backup.id, await findBackupColumns(deps, backup, signal));
  const ids = await readColumn(deps.storage, part, column);
  await client.query(BEGIN_RESTORE);
  const gone = new Set(await rehearseBatchDeletion(client, batch));
  if (gone.size > 0) {
    const indexes = ids.flatMap((id, index) => (gone.has(id) ? [index + 1] : []));
    if (indexes.length !== gone.size) throw failures.exportDamaged(part, 'ids');
    const target = await findTarget(deps, backup, signal, true);
    await restoreAgain(deps, client, { part, target, indexes }, signal);
  }
  await client.query('ROLLBACK');
  return gone.size > 0;
};
