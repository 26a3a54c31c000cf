import { escapeLiteral, type PoolClient } from 'pg';

/**
 * Rows of users that a transaction has inserted, updated and deleted, as PostgreSQL counts them.
 * Work that was rolled back to a savepoint counts too, so only differences between two counts mean
 * anything.
 */
export interface RowCounts {
  inserted: number;
  updated: number;
  deleted: number;
  /** Rows of other workspaces that were updated or deleted. */
  elsewhere: number;
}

export const NO_ROWS_COUNTED: RowCounts = { inserted: 0, updated: 0, deleted: 0, elsewhere: 0 };

/**
 * The queries by which a restore sees what its inserts did to rows of users.
 *
 * @param users the table, as quoted SQL
 * @param isUser the condition that a staged row `s` is of the user `u`
 */
export const rowStatements = (users: string, isUser: string) => {
  const table = `${escapeLiteral(users)}::regclass`;
  return {
    countRows: `SELECT pg_stat_get_xact_tuples_inserted(${table}) AS inserted,
        pg_stat_get_xact_tuples_updated(${table}) AS updated,
        pg_stat_get_xact_tuples_deleted(${table}) AS deleted,
        (SELECT coalesce(sum(pg_stat_get_xact_tuples_updated(i.inhrelid)
                           + pg_stat_get_xact_tuples_deleted(i.inhrelid)), 0)::bigint
           FROM pg_inherits i
          WHERE i.inhparent = 'public.users'::regclass AND i.inhrelid <> ${table}) AS elsewhere`,
    /**
     * How many of the rows that were inserted at these row ids (a list of array texts) triggers
     * have deleted, or written again at another row id. Reads by row id, never the whole table.
     */
    countChanged: `SELECT count(*) FILTER (WHERE u.ctid IS NULL) AS changed
      FROM unnest($1::text[]) AS list, unnest(list::tid[]) AS p (row_id) LEFT JOIN LATERAL (
        SELECT u.ctid FROM ONLY ${users} AS u WHERE u.ctid = p.row_id OFFSET 0) AS u ON true`,
    /**
     * Whether this transaction has written users that are not staged. Reads the whole table.
     */
    hasWrittenOthers: `SELECT EXISTS (SELECT FROM ONLY ${users} AS u,
        (SELECT pg_current_xact_id() AS id OFFSET 0) AS own WHERE public.is_written_by(own.id, u.xmin)
      AND NOT EXISTS (SELECT FROM pg_temp.restoring s WHERE ${isUser})) AS "hasWritten"`,
  };
};

export const readRowCounts = async (client: PoolClient, query: string): Promise<RowCounts> => {
  const { rows } = await client.query<RowCounts>(query);
  const [counts] = rows;
  if (counts === undefined) throw new Error('a query without FROM has one row');
  return counts;
};

export const plus = (a: RowCounts, b: RowCounts): RowCounts => combine(a, b, 1);

export const minus = (a: RowCounts, b: RowCounts): RowCounts => combine(a, b, -1);

/**
 * Whether the changes are exactly those of the inserted rows, of which `changed` are no longer at
 * their row ids. Each of these was updated or deleted at least once. So if there were no more
 * updates and deletions, none of them concerned other users.
 */
export const areOwn = ({ updated, deleted, elsewhere }: RowCounts, changed: number): boolean =>
  elsewhere === 0 && updated + deleted === changed;

const combine = (a: RowCounts, b: RowCounts, sign: 1 | -1): RowCounts => ({
  inserted: a.inserted + sign * b.inserted,
  updated: a.updated + sign * b.updated,
  deleted: a.deleted + sign * b.deleted,
  elsewhere: a.elsewhere + sign * b.elsewhere,
});
