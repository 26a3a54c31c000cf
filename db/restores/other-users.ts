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

/** Restored rows that triggers have deleted, or written again at another row id. */
export interface OwnChanges {
  missing: number;
  moved: number;
}

/**
 * The queries by which a restore sees what its inserts did to rows of users.
 *
 * @param users the table, as quoted SQL
 * @param isSame whether a row `u` of it is that of the staged user `s`
 */
export const rowStatements = (users: string, isSame: string) => {
  const table = `${escapeLiteral(users)}::regclass`;
  return {
    countRows: `SELECT pg_stat_get_xact_tuples_inserted(${table}) AS inserted,
        pg_stat_get_xact_tuples_updated(${table}) AS updated,
        pg_stat_get_xact_tuples_deleted(${table}) AS deleted,
        (SELECT coalesce(sum(pg_stat_get_xact_tuples_updated(i.inhrelid)
                           + pg_stat_get_xact_tuples_deleted(i.inhrelid)), 0)::bigint
           FROM pg_inherits i
          WHERE i.inhparent = 'public.users'::regclass AND i.inhrelid <> ${table}) AS elsewhere`,
    /** Of a range that was inserted at the row ids `$3`: how many users are gone, or moved. */
    ownChanges: `SELECT count(*) FILTER (WHERE u.user_id IS NULL) AS missing,
        count(*) FILTER (WHERE u.user_id IS NOT NULL AND p.place IS NULL) AS moved
      FROM pg_temp.restoring s LEFT JOIN ONLY ${users} AS u ON ${isSame}
      LEFT JOIN (SELECT unnest(list::tid[]) AS place FROM unnest($3::text[]) AS list) AS p
        ON p.place = u.ctid
     WHERE s.n BETWEEN $1 AND $2`,
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
 * Whether the changes are exactly those of the restored rows. A missing row was deleted at least
 * once, and a moved one was updated or deleted at least once. So if both numbers are equal to the
 * counts, nothing is left that could concern other users.
 */
export const areOwn = ({ updated, deleted, elsewhere }: RowCounts, own: OwnChanges): boolean =>
  elsewhere === 0 && updated === own.moved && deleted === own.missing;

const combine = (a: RowCounts, b: RowCounts, sign: 1 | -1): RowCounts => ({
  inserted: a.inserted + sign * b.inserted,
  updated: a.updated + sign * b.updated,
  deleted: a.deleted + sign * b.deleted,
  elsewhere: a.elsewhere + sign * b.elsewhere,
});
