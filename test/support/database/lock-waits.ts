import type { ClientBase, Pool } from 'pg';

/**
 * Counts the connections to this database that wait for a lock now. Other files use the same server
 * at the same time, so their databases do not count.
 *
 * @param connection outside of a transaction, in which PostgreSQL repeats its first answer
 * @param part text of the statements that count
 */
export const countLockWaits = async (connection: Pool | ClientBase, part = ''): Promise<number> => {
  const { rows } = await connection.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND position($1 IN query) > 0`,
    [part],
  );
  return rows[0]?.count ?? 0;
};
