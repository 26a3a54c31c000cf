import { sql } from 'kysely';
import { DatabaseError, type PoolClient } from 'pg';
import type { Db } from '../client.ts';
import { RESET_SETTINGS } from '../connections/connection.ts';
import { STEP_LOCK_MS } from '../connections/timeouts.ts';
import { isOutOfLocks, isTooSlow } from '../connections/sql-states.ts';

/**
 * Silence of this worker, in ms, after which PostgreSQL rolls the batch back: others wait for its
 * locks.
 */
const IDLE_TIMEOUT_MS = 10_000;
/** Statement timeout of a batch of one user, which cannot be made smaller. */
const LAST_TIMEOUT_MS = 5 * 60_000;

export interface Batch {
  exportId: string;
  part: number;
  cursor: number;
  /** Number of users in the slice. */
  limit: number;
}

/** The result of a batch that is ready to commit. */
export interface BatchDone {
  deleted: number;
  /** Users that were left, because other transactions hold their locks. */
  locked: number;
}

export type BatchResult =
  | { status: 'deleted'; deleted: number }
  /** `mayCommit` returned false; nothing was deleted. */
  | { status: 'heldBack' }
  /** A slice of this size takes too long, or needs more locks than the server has room for. */
  | { status: 'tooMuch' }
  /** Another attempt took this slice. */
  | { status: 'moved' }
  /** The backup is not valid, expires soon, or does not match the table; a new one is needed. */
  | { status: 'void' }
  /** The job was cancelled or has ended. */
  | { status: 'stopped' };

/**
 * The errors of `delete_backed_up_users` that refuse a batch. The transaction is then rolled back.
 */
const REFUSALS: Record<string, BatchResult> = {
  KS001: { status: 'void' },
  KS002: { status: 'moved' },
  KS003: { status: 'void' },
  KS004: { status: 'stopped' },
};

/** Whether a batch with fewer users may succeed. */
export const isTooMuch = (error: unknown): boolean => isTooSlow(error) || isOutOfLocks(error);

/**
 * Deletes one slice of a part in a transaction of its own. The database decides whether the slice
 * may be deleted. The transaction is committed only if `mayCommit` returns true.
 *
 * The commit does not wait for the disk. If a crash undoes a commit, the users are back, and so are
 * the cursor and the counters. Call `syncBatches` before you report users as deleted.
 *
 * @throws DatabaseError for errors other than a refusal; the transaction is then still open
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
 * Deletes a few different users of a part in the connection's open transaction, which must then be
 * rolled back.
 *
 * @returns the users' ids and their indexes in the part, from 1; empty if no user of the part can
 *   be deleted now
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
 * Deletes a batch in the connection's open transaction, which must then be rolled back.
 *
 * @returns the ids of the deleted users; empty if the batch is refused or deletes no user
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
 * Waits until every committed batch is on disk. The log is written in order, so one commit that
 * waits is enough.
 */
export const syncBatches = async (db: Db): Promise<void> => {
  await sql`SELECT pg_logical_emit_message(true, 'keepsake', 'batches')`.execute(db);
};

const settings = (users: number): string => `
  SET LOCAL lock_timeout = ${STEP_LOCK_MS};
  SET LOCAL statement_timeout = ${users > 1 ? timeoutOf(users) : LAST_TIMEOUT_MS};
  SET LOCAL idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS};
  SET LOCAL synchronous_commit = off`;

/**
 * Statement timeout of a batch, in ms. A batch takes some 50 ms. If foreign triggers make a batch
 * take far longer, it is tried again with fewer users. An attempt of a small job has a minute for
 * all its tries.
 */
const timeoutOf = (users: number): number => Math.min(10_000 + 100 * users, 30_000);

/**
 * Calls the one function that deletes users. Then undoes settings that foreign triggers have
 * changed: later statements and batches must not run under them.
 *
 * @returns the number of deleted users
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

const countLocked = async (client: PoolClient, batch: Batch): Promise<number> => {
  const count = `cardinality(array_positions(reasons, 'locked')) AS locked`;
  const [row] = await readBatch<{ locked: number }>(client, batch, count);
  return row?.locked ?? 0;
};

/** Reads the row of a batch, in the batch's own transaction. */
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

const refusalOf = (error: unknown, { limit }: Batch): BatchResult | undefined => {
  if (limit > 1 && isTooMuch(error)) return { status: 'tooMuch' };
  return error instanceof DatabaseError ? REFUSALS[error.code ?? ''] : undefined;
};
