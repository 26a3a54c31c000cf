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
import { unpackersOf } from '../../files/compression.ts';
import { createDigestTap } from '../../files/digest-tap.ts';
import { partKey } from '../../files/part-key.ts';
import type { Storage } from '../../storage/storage.ts';
import { failures } from '../failures.ts';
import { insertCarefully, insertWhole, type LeftOut, type Staging } from './insert-staged.ts';
import { BEGIN_RESTORE } from './restore-settings.ts';
import { assertSame, recheckPart } from '../exports/verify-part.ts';

/** A restore at work on a connection of its own. */
export interface RestoreWork {
  client: PoolClient;
  storage: Storage;
  target: RestoreTarget;
  beforeCommit: () => void;
  signal: AbortSignal;
}

/**
 * Loads a part's rows into the staging table, and only if they are byte for byte what was backed
 * up.
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
    await pipeline([file, stored, ...unpackersOf(part.compression), client.query(copy)], {
      signal,
    });
  } catch (error) {
    // What PostgreSQL says of half a row is not what is wrong.
    if (!signal.aborted) await recheckPart(storage, part, signal);
    throw error;
  }
  assertSame(part, { ...stored.facts(), rows: copy.rowCount });
};

const NOTHING_LEFT: LeftOut = { present: 0, notRestored: [] };

/** @returns none when all of the part's users were to come back at once, and not all of them did */
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

/** False when nothing was written, since not everyone can come back just so. */
const tryPart = async (work: RestoreWork, chunk: Chunk, isCareful: boolean): Promise<boolean> => {
  const { client, target, beforeCommit } = work;
  const { jobId, part } = chunk;
  const statements = restoreStatements(target, isCareful ? 'text' : 'typed');
  // Triggers have run on it, for the part before.
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
  if (!(await mayRestore(client, chunk))) {
    throw failures.jobNotRunning(jobId, 'not restoring any more');
  }
  beforeCommit();
  await client.query('COMMIT');
  return true;
};

/**
 * Puts the users of one part back in a transaction of its own: all at once, and where that is
 * refused, by halves. What another attempt has done is done.
 *
 * @throws jobNotRunning when the job was cancelled or the backup is gone, backupDamaged
 */
export const restorePart = async (work: RestoreWork, chunk: Chunk): Promise<void> => {
  for (const isCareful of [false, true]) {
    try {
      if (await tryPart(work, chunk, isCareful)) return;
    } catch (error) {
      if (isOutOfLocks(error)) {
        // Nobody else gets a lock while this transaction has them all.
        await work.client.query('ROLLBACK');
        throw failures.outOfLocks(chunk.jobId);
      }
      if (isCareful || !mayBeOfARow(error)) throw error;
    }
    await work.client.query('ROLLBACK');
  }
};
