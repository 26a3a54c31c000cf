import { pipeline } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { createStaging, insertStaged, mayRestore, type Chunk } from '../db/restores.ts';
import { unpackersOf } from '../storage/compression.ts';
import { createDigestTap } from '../storage/digest-tap.ts';
import { partKey } from '../storage/part-key.ts';
import type { Storage } from '../storage/storage.ts';
import { failures } from './failures.ts';
import { assertSame, recheckPart } from './verify-part.ts';

/** Longest wait for a lock before the chunk is given up and tried again, in milliseconds. */
const LOCK_TIMEOUT_MS = 30_000;
/** Silence of this worker after which PostgreSQL takes the chunk back: others may wait for its locks. */
const IDLE_TIMEOUT_MS = 30_000;

/** Loads a part's rows into the staging table, and only if they are byte for byte what was backed up. */
const stagePart = async (
  client: PoolClient,
  storage: Storage,
  { part, workspaceId, columns }: Chunk,
  signal: AbortSignal,
): Promise<void> => {
  const copy = copyFrom(await createStaging(client, workspaceId, columns));
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

/**
 * Puts the users of one part back in a transaction of its own. What another attempt has done is done;
 * then this one's rows are rolled back.
 *
 * @throws jobNotRunning when the job was cancelled or the backup is gone, exportDamaged
 */
export const restorePart = async (
  { client, storage, signal }: { client: PoolClient; storage: Storage; signal: AbortSignal },
  chunk: Chunk,
  beforeCommit: () => void,
): Promise<void> => {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`);
  await stagePart(client, storage, chunk, signal);
  const isFirst = await insertStaged(client, chunk);
  if (!(await mayRestore(client, chunk))) {
    throw failures.jobNotRunning(chunk.jobId, 'not restoring any more');
  }
  beforeCommit();
  await client.query(isFirst ? 'COMMIT' : 'ROLLBACK');
};
