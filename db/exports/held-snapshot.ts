import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type pg from 'pg';
import { DatabaseError } from 'pg';
import { lendRenewed } from '../connections/connection.ts';
import { STEP_LOCK_MS } from '../connections/timeouts.ts';
import { toBoundStatement } from '../../selection/statements.ts';
import type { StoredColumn } from '../column-types.ts';
import { TYPE_PARTS } from '../users/type-parts.ts';
import { IS_PLAIN } from '../users/users-table.ts';
import { partitionOf, usersTableOf } from '../workspaces.ts';

/** A workspace's partition as one snapshot sees it. */
export interface HeldSnapshot {
  workspaceId: string;
  /** The connection that holds the snapshot, which lives until its transaction ends. */
  client: pg.PoolClient;
  /** For `SET TRANSACTION SNAPSHOT` on other connections. */
  exportedId: string;
  /** `pg_current_snapshot()` as text. */
  snapshot: string;
  fingerprint: string;
  /** Whether the stamp trigger is in order. If not, no user may be deleted by this snapshot. */
  isStamped: boolean;
  /** Whether the partition is a plain table. A partitioned or foreign table would read as empty. */
  isPlain: boolean;
  /**
   * Whether the table has rules, which can change the meaning of a statement. If so, no user may be
   * deleted by this snapshot.
   */
  hasRules: boolean;
  pages: number;
  /** Every column of the partition, in the table's order. */
  columns: StoredColumn[];
}

/**
 * The most ids that are stored and compared by each batch. Users written by further subtransactions
 * wait for another backup.
 */
const MAX_ENDED_XIDS = 200_000;

/** SQLSTATEs for a snapshot whose holder has died: up to version 16, and from 17 on. */
const SNAPSHOT_GONE = ['22023', '42704'];

/**
 * Takes a snapshot of a workspace's users and holds it. The export counts only if `client` commits.
 *
 * @throws DatabaseRefusal when the connection cannot be renewed; DatabaseError when the workspace
 *   has no partition
 */
export const holdSnapshot = async (pool: pg.Pool, workspaceId: string): Promise<HeldSnapshot> => {
  const client = await lendRenewed(pool);
  try {
    await beginUnderLock(client, workspaceId);
    const { rows } = await client.query<Omit<HeldSnapshot, 'client' | 'workspaceId'>>(
      `SELECT pg_export_snapshot() AS "exportedId", pg_current_snapshot()::text AS snapshot,
              users_fingerprint(c.oid) AS fingerprint, users_are_stamped(c.oid) AS "isStamped",
              ${IS_PLAIN} AS "isPlain",
              EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid) AS "hasRules",
              (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::int AS pages,
              (SELECT json_agg(json_build_object('id', a.attrelid || '.' || a.attnum, 'name', a.attname,
                        'type', format_type(a.atttypid, a.atttypmod),
                        'isGenerated', a.attgenerated <> '', 'parts', ${TYPE_PARTS})
                        ORDER BY a.attnum)
                 FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
         FROM pg_class c WHERE c.relname = $1 AND c.relnamespace = 'public'::regnamespace`,
      [partitionOf(workspaceId)],
    );
    const held = rows[0];
    if (held === undefined) throw new Error('a locked table is in the catalog');
    return { workspaceId, client, ...held };
  } catch (error) {
    client.release(true);
    throw error;
  }
};

/**
 * Ids of subtransactions that wrote rows of the snapshot, and began after the oldest transaction
 * that was running then. Their rows are visible, so they had ended. An array literal. If no
 * transaction was running, there are no such ids; otherwise the query reads the users that `where`
 * selects.
 */
export const findEndedXids = async (
  { client, workspaceId }: Pick<HeldSnapshot, 'client' | 'workspaceId'>,
  where: RawBuilder<SqlBool>,
): Promise<string> => {
  const statement = toBoundStatement(sql`
    SELECT CASE WHEN pg_snapshot_xmin(held.taken) = pg_snapshot_xmax(held.taken) THEN '{}' ELSE (
      SELECT coalesce(array_agg(writer), '{}')::text FROM (
        SELECT users.xmin AS writer FROM ONLY ${sql.id('public', partitionOf(workspaceId))} AS users
         WHERE users.xmin <> users.written_in::xid
           AND age(users.xmin) BETWEEN 0 AND age(pg_snapshot_xmin(held.taken)::xid) AND ${where}
         GROUP BY users.xmin LIMIT ${sql.lit(MAX_ENDED_XIDS)}) AS writers) END AS ended
      FROM pg_current_snapshot() AS held (taken)`);
  const { rows } = await client.query<{ ended: string }>(statement);
  return rows[0]?.ended ?? '{}';
};

/**
 * Opens one more connection under a held snapshot. Undefined if the pool has no free connection: a
 * holder of a snapshot that waited could deadlock the pool. Also undefined if the holder has died;
 * the holder's own lane reports that error.
 */
export const joinSnapshot = async (
  pool: pg.Pool,
  workspaceId: string,
  exportedId: string,
): Promise<pg.PoolClient | undefined> => {
  const isFree = pool.idleCount > 0 || pool.totalCount < pool.options.max;
  if (!isFree || pool.waitingCount > 0) return undefined;
  const client = await lendRenewed(pool);
  try {
    await beginUnderLock(client, workspaceId);
    await client.query(`SET TRANSACTION SNAPSHOT '${exportedId}'`);
    return client;
  } catch (error) {
    client.release(true);
    if (isGone(error)) return undefined;
    throw error;
  }
};

/**
 * Takes the lock before the snapshot. Otherwise a table that is rewritten or truncated in between
 * would read as empty, without an error. BEGIN, SET and LOCK take no snapshot; the first SELECT
 * does.
 */
const beginUnderLock = async (client: pg.PoolClient, workspaceId: string): Promise<void> => {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  // A rewrite of the table may hold the lock.
  await client.query(`SET LOCAL lock_timeout = ${STEP_LOCK_MS}`);
  await client.query(`LOCK TABLE ${usersTableOf(workspaceId)} IN ACCESS SHARE MODE`);
  await client.query('SET LOCAL lock_timeout = 0');
};

const isGone = (error: unknown): boolean =>
  error instanceof DatabaseError && SNAPSHOT_GONE.includes(error.code ?? '');
