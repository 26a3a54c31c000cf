import { sql } from 'kysely';
import { DatabaseError, type PoolClient } from 'pg';
import type { Db } from '../client.ts';
import { RESET_SETTINGS } from '../connections/connection.ts';
import { isOutOfLocks, isTooSlow } from '../connections/sql-states.ts';

/** Longest wait for a row or table lock before the batch is given up and tried again, in ms. */
const LOCK_TIMEOUT_MS = 30_000;
/**
 * Silence of this worker after which PostgreSQL takes the batch back: others wait for its locks.
 */
const IDLE_TIMEOUT_MS = 10_000;
/**
 * A batch takes some 50 ms; where triggers of others make it take far longer, fewer users go at
 * once. An attempt of a small job has a minute for all its tries.
 */
const timeoutOf = (users: number): number => Math.min(10_000 + 100 * users, 30_000);
/** One user cannot be fewer. */
const LAST_TIMEOUT_MS = 5 * 60_000;

export interface Batch {
  exportId: string;
  part: number;
  cursor: number;
  /** Users of the slice. */
  limit: number;
}

/** What a batch that may be committed did. */
export interface BatchDone {
  deleted: number;
  /** Users whom it left to others that hold them. */
  locked: number;
}

export type BatchResult =
  | { status: 'deleted'; deleted: number }
  /** `mayCommit` said no; nothing was deleted. */
  | { status: 'heldBack' }
  /** A slice of so many users takes too long, or more locks than there is room for. */
  | { status: 'tooMuch' }
  /** Another attempt took this slice. */
  | { status: 'moved' }
  /** The backup does not fit the table any more; another is needed. */
  | { status: 'void' }
  /** The job was cancelled or has ended. */
  | { status: 'stopped' };

/** What `delete_backed_up_users` raises when it refuses; the transaction is rolled back then. */
const REFUSALS: Record<string, BatchResult> = {
  KS001: { status: 'void' },
  KS002: { status: 'moved' },
  KS003: { status: 'void' },
  KS004: { status: 'stopped' },
};

/** Whether fewer users at once may do. */
export const isTooMuch = (error: unknown): boolean => isTooSlow(error) || isOutOfLocks(error);

const refusalOf = (error: unknown, { limit }: Batch): BatchResult | undefined => {
  if (limit > 1 && isTooMuch(error)) return { status: 'tooMuch' };
  return error instanceof DatabaseError ? REFUSALS[error.code ?? ''] : undefined;
};

const settings = (users: number): string => `
  SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
  SET LOCAL statement_timeout = ${users > 1 ? timeoutOf(users) : LAST_TIMEOUT_MS};
  SET LOCAL idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS};
  SET LOCAL synchronous_commit = off`;

/**
 * Calls the one function that deletes. What triggers of others have set is taken back: later
 * statements and batches must not go by it.
 *
 * @returns how many users
 */
const deleteSlice = async (
  client: PoolClient,
  { exportId, part, cursor, limit }: Batch,
): Promise<number> => {
  const { rows } = await client.query<{ deleted: number }>(
    'SELECT delete_backed_up_users($1, $2, $3, $4) AS deleted',
    [exportId, part, cursor, limit],
  );
  await client.query(`${RESET_SETTINGS};${settings(limit)}`);
  return rows[0]?.deleted ?? 0;
};

/** What the row of a batch says, in its own transaction. */
const readBatch = async <Row extends object>(
  client: PoolClient,
  { exportId, part, cursor }: Batch,
  columns: string,
): Promise<Row[]> => {
  const { rows } = await client.query<Row>(
    `SELECT ${columns} FROM deletion_batches WHERE export_id = $1 AND part = $2 AND cursor = $3
        AND attempt = (SELECT attempt FROM exports WHERE id = $1)`,
    [exportId, part, cursor],
  );
  return rows;
};

const countLocked = async (client: PoolClient, batch: Batch): Promise<number> => {
  const count = `cardinality(array_positions(reasons, 'locked')) AS locked`;
  const [row] = await readBatch<{ locked: number }>(client, batch, count);
  return row?.locked ?? 0;
};

/**
 * Deletes one slice of a part in a transaction of its own. The database decides whether it may. It
 * is committed only if `mayCommit` agrees.
 *
 * The commit does not wait for the disk: one that a crash takes back leaves the users where they
 * were, and with them cursor and counters. Call `syncBatches` before telling anyone that they are
 * gone.
 */
export const deleteBatch = async (
  client: PoolClient,
  batch: Batch,
  {
    mayCommit,
    beforeCommit,
  }: { mayCommit: (done: BatchDone) => boolean; beforeCommit: () => void },
): Promise<BatchResult> => {
  await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED;${settings(batch.limit)}`);
  try {
    const deleted = await deleteSlice(client, batch);
    const locked = deleted < batch.limit ? await countLocked(client, batch) : 0;
    if (!mayCommit({ deleted, locked })) {
      await client.query('ROLLBACK');
      return { status: 'heldBack' };
    }
    beforeCommit();
    await client.query('COMMIT');
    return { status: 'deleted', deleted };
  } catch (error) {
    const refusal = refusalOf(error, batch);
    if (refusal === undefined) throw error;
    await client.query('ROLLBACK');
    return refusal;
  }
};

/**
 * Deletes a few different users of a part in the transaction that is open on this connection, which
 * can only be rolled back.
 *
 * @returns their indexes in the part, from 1, and their ids; none when nobody of it can be deleted
 *   now
 */
export const rehearseDeletion = async (
  client: PoolClient,
  part: { exportId: string; part: number },
  limit: number,
): Promise<{ index: number; userId: string }[]> => {
  const { rows } = await client.query<{ index: number; userId: string }>(
    'SELECT index, user_id AS "userId" FROM rehearse_deletion($1, $2, $3)',
    [part.exportId, part.part, limit],
  );
  return rows;
};

/**
 * Deletes a batch in the transaction that is open on this connection, which can only be rolled back
 * then.
 *
 * @returns the ids of those who would go; none where the batch itself is refused or deletes nobody
 */
export const rehearseBatchDeletion = async (
  client: PoolClient,
  batch: Batch,
): Promise<string[]> => {
  try {
    await deleteSlice(client, batch);
  } catch (error) {
    if (error instanceof DatabaseError && (error.code ?? '') in REFUSALS) return [];
    throw error;
  }
  await rehearseDeletion(client, batch, 0);
  const gone = 'unnest(deleted_ids) AS "userId"';
  const rows = await readBatch<{ userId: string }>(client, batch, gone);
  return rows.map(({ userId }) => userId);
};

/**
 * Waits until every batch committed so far is on disk: a commit that waits, since the log is
 * written in order.
 */
export const syncBatches = async (db: Db): Promise<void> => {
  await sql`SELECT pg_logical_emit_message(true, 'keepsake', 'batches')`.execute(db);
};
