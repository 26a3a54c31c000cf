import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DatabaseError, type PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { rehearseDeletion } from '../db/deletion-batches.ts';
import type { ExportRow, StoredPart } from '../db/exports.ts';
import { restoreStatements } from '../db/restore-statements.ts';
import { isContended, isDatabaseAway, reasonOf } from '../db/sql-states.ts';
import { readRawRecords } from '../storage/read-records.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';
import { insertCarefully, type NotRestored } from './insert-staged.ts';
import { BEGIN_RESTORE } from './restore-part.ts';
import { findTarget } from './restore-users.ts';

/** Users of a backup that are rehearsed: one for each column that has a value, and no more than so many. */
const MAX_REHEARSED = 100;

type Deps = Pick<ActivityDeps, 'database' | 'lanes' | 'storage'>;

/** Puts deleted users back in the open transaction. @returns those the database does not take */
const restoreAgain = async (
  deps: Deps,
  client: PoolClient,
  { backup, part, indexes }: { backup: ExportRow; part: StoredPart; indexes: number[] },
  signal: AbortSignal,
): Promise<NotRestored[]> => {
  const statements = restoreStatements(await findTarget(deps, backup, signal), 'text');
  const text = await readRawRecords(deps.storage, part, indexes);
  await client.query(statements.createStaging);
  const copy = copyFrom(statements.copy);
  await pipeline(Readable.from([text]), client.query(copy), { signal });
  const rows = indexes.length;
  if (copy.rowCount !== rows) throw failures.exportDamaged(part, 'rows');
  try {
    const { notRestored } = await insertCarefully({ client, statements, rows }, signal);
    return notRestored;
  } catch (error) {
    // A right that is missing, or a trigger of others that is broken, keeps every user out.
    if (!(error instanceof DatabaseError) || isDatabaseAway(error) || isContended(error))
      throw error;
    return [{ userId: '', reason: reasonOf(error) }];
  }
};

/** @returns undefined when nobody of the part can be deleted now */
const rehearsePart = async (
  deps: Deps,
  backup: ExportRow,
  part: StoredPart,
  signal: AbortSignal,
): Promise<NotRestored[] | undefined> => {
  const client = await deps.lanes.connect();
  let isWhole = false;
  try {
    await client.query(BEGIN_RESTORE);
    const deleted = await rehearseDeletion(client, part, MAX_REHEARSED);
    const indexes = deleted.map(({ index }) => index);
    const notRestored =
      indexes.length === 0
        ? undefined
        : await restoreAgain(deps, client, { backup, part, indexes }, signal);
    await client.query('ROLLBACK');
    isWhole = true;
    return notRestored;
  } finally {
    client.release(!isWhole);
  }
};

/**
 * Shows, before anyone is deleted by a backup, that its users can be put back: deletes a few different
 * ones of the first part that has any, restores them from the stored file, compares what came back, and
 * rolls all of it back. The code is that of every restore.
 *
 * @returns whether somebody was restored; false where nobody can be deleted now, as others hold them
 * @throws notRestorable with the reason
 */
export const rehearseRestore = async (
  deps: Deps,
  backup: ExportRow,
  parts: readonly StoredPart[],
  signal: AbortSignal,
): Promise<boolean> => {
  for (const part of parts) {
    signal.throwIfAborted();
    const notRestored = await rehearsePart(deps, backup, part, signal);
    const [first] = notRestored ?? [];
    if (first !== undefined) throw failures.notRestorable(backup.id, first.reason);
    if (notRestored !== undefined) return true;
  }
  return false;
};
