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

/**
 * Users of a backup that are rehearsed: one for each column that has a value, and no more than so
 * many.
 */
const MAX_REHEARSED = 100;

type Deps = Pick<ActivityDeps, 'database' | 'lanes' | 'storage'>;

/** A part of a backup. */
interface BackupPart {
  backup: ExportRow;
  part: StoredPart;
}

/**
 * Puts deleted users, by their positions in the part, back in the open transaction.
 *
 * @throws notRestorable with the reason of one who stays out
 */
const restoreAgain = async (
  { storage }: Pick<Deps, 'storage'>,
  client: PoolClient,
  { part, target, indexes }: { part: StoredPart; target: RestoreTarget; indexes: number[] },
  signal: AbortSignal,
): Promise<void> => {
  // A restore begins on a connection on which no trigger has run, and waits longer for locks.
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
    // A right that is missing, or a trigger of others that is broken, keeps every user out.
    if (!(error instanceof DatabaseError) || isDatabaseAway(error) || isContended(error))
      throw error;
    throw failures.notRestorable(part.exportId, reasonOf(error));
  }
  const [first] = notRestored;
  if (first !== undefined) throw failures.notRestorable(part.exportId, first.reason);
};

/** Different users of a part. False when nobody of it can be deleted now. */
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
 * Shows, before anyone is deleted by a backup, that its users can be put back: deletes a few
 * different ones of the first part that has any, restores them from the stored file, compares what
 * came back, and rolls all of it back. The code is that of every restore.
 *
 * @returns whether somebody was restored; false where nobody can be deleted now, as others hold
 *   them
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

/** All users of a batch. False when the batch is refused, or deletes nobody. */
const rehearseWholeBatch = async (
  deps: Deps,
  client: PoolClient,
  { backup, part, batch }: BackupPart & { batch: Batch },
  signal: AbortSignal,
): Promise<boolean> => {
  // Read before the transaction holds locks. What the table is like now is none of its business.
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

/**
 * Shows the same where those above found nobody, though a batch deletes somebody: others held the
 * users, and have let go, or the users refer to one another and only go together.
 *
 * @param client the batch's own connection, in no transaction
 * @returns and throws as `rehearseRestore` does
 */
export const rehearseBatch = async (
  deps: Deps,
  client: PoolClient,
  held: BackupPart & { batch: Batch },
  signal: AbortSignal,
): Promise<boolean> =>
  (await rehearsePart(deps, client, held, signal)) ||
  (await rehearseWholeBatch(deps, client, held, signal));
