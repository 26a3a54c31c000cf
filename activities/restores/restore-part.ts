import { renewConnection } from '../../db/connections/connection.ts';
import { pipeline } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  restoreStatements,
  type RestoreStatements,
  type RestoreTarget,
} from '../../db/restores/restore-statements.ts';
import {
  claimChunk,
  mayRestore,
  recordNotRestored,
  wantedIds,
  type Chunk,
  type PartToRestore,
} from '../../db/restores/restores.ts';
import { isOutOfLocks, mayBeOfARow } from '../../db/connections/sql-states.ts';
import { readFingerprint } from '../../db/users/users-table.ts';
import { decompressionStreams } from '../../files/compression.ts';
import { createDigestTap } from '../../files/digest-tap.ts';
import { partKey } from '../../files/part-key.ts';
import type { Storage } from '../../storage/storage.ts';
import { failures } from '../failures.ts';
import { insertWhole, type Staging } from './insert-range.ts';
import { insertCarefully, type LeftOut } from './insert-staged.ts';
import { BEGIN_RESTORE } from './restore-settings.ts';
import { assertSame, recheckPart } from '../exports/verify-part.ts';

/** A restore that runs, with its own connection. */
export interface RestoreWork {
  client: PoolClient;
  storage: Storage;
  target: RestoreTarget;
  beforeCommit: () => void;
  signal: AbortSignal;
}

const NOTHING_LEFT: LeftOut = { present: 0, notRestored: [] };

/**
 * Loads a part's rows into the staging table.
 *
 * @throws backupDamaged unless they are byte for byte as backed up
 */
export const stagePart = async (
  { client, storage, signal }: Pick<RestoreWork, 'client' | 'storage' | 'signal'>,
  part: PartToRestore,
  statements: Pick<RestoreStatements, 'createStaging' | 'copy'>,
): Promise<void> => {
  await client.query(statements.createStaging);
  const copy = copyFrom(statements.copy);
  const stored = createDigestTap();
  const file = await storage.get(partKey(part));
  try {
    await pipeline([file, stored, ...decompressionStreams(part.compression), client.query(copy)], {
      signal,
    });
  } catch (error) {
    // If the file is damaged, that is the cause, and not the error that PostgreSQL reports.
    if (!signal.aborted) await recheckPart(storage, part, signal);
    throw error;
  }
  assertSame(part, { ...stored.facts(), rows: copy.rowCount });
};

/**
 * Restores the users of one part in its own transaction. It tries all users at once, then by
 * halves. A part that another attempt has done is skipped.
 *
 * @throws jobNotRunning when the job was cancelled or the backup was removed; backupDamaged;
 *   outOfLocks; usersContended when the table was changed since its columns were read
 */
export const restorePart = async (work: RestoreWork, chunk: Chunk): Promise<void> => {
  for (const isCareful of [false, true]) {
    try {
      if (await tryPart(work, chunk, isCareful)) return;
    } catch (error) {
      if (isOutOfLocks(error)) {
        // Roll back first: until then this transaction holds all locks, and others get none.
        await work.client.query('ROLLBACK');
        throw failures.outOfLocks(chunk.jobId);
      }
      if (isCareful || !mayBeOfARow(error)) throw error;
    }
    await work.client.query('ROLLBACK');
  }
};

/** Returns false if nothing was written, because not all users can be inserted at once. */
const tryPart = async (work: RestoreWork, chunk: Chunk, isCareful: boolean): Promise<boolean> => {
  const { client, target, beforeCommit } = work;
  const { jobId, part } = chunk;
  const statements = restoreStatements(target, isCareful ? 'text' : 'typed');
  // Triggers ran on this connection for the previous part.
  await renewConnection(client);
  await client.query(BEGIN_RESTORE);
  if (!(await claimChunk(client, chunk))) {
    await client.query('ROLLBACK');
    return true;
  }
  await stagePart(work, part, statements);
  const left = await insertPart(work, statements, chunk, isCareful);
  if (left === undefined) return false;
  if (left.notRestored.length > 0) await recordNotRestored(client, jobId, left.notRestored);
  await client.query(statements.recordChunk, [
    jobId,
    part.part,
    left.present,
    left.notRestored.length,
  ]);
  // The inserts hold a lock on the table. So its columns are the ones that the values went to.
  if ((await readFingerprint(client, target.workspaceId)) !== target.fingerprint) {
    throw failures.tableChanged(jobId);
  }
  if (!(await mayRestore(client, chunk))) {
    throw failures.jobNotRunning(jobId, 'not restoring any more');
  }
  beforeCommit();
  await client.query('COMMIT');
  return true;
};

/** @returns undefined when all users were to be inserted at once, and the result differs */
const insertPart = async (
  { client, signal }: RestoreWork,
  statements: RestoreStatements,
  chunk: Chunk,
  isCareful: boolean,
): Promise<LeftOut | undefined> => {
  const { jobId, part } = chunk;
  const staging: Staging = { client, statements, jobId, rows: part.rows };
  if (!part.isWhole) await client.query(statements.keepOnly(wantedIds(chunk)));
  if (isCareful) return insertCarefully(staging, signal);
  return (await insertWhole(staging)) ? NOTHING_LEFT : undefined;
};
