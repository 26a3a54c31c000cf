import { sql } from 'kysely';
import { escapeLiteral } from 'pg';
import type pg from 'pg';
import type { Db } from '../client.ts';
import { usersTableOf } from '../workspaces.ts';

/**
 * Name of a foreign key by which the deletion of a user would delete or change other rows;
 * undefined if there is none. Such rows would change without a record, and a backup of users does
 * not hold them.
 */
export const cascadingForeignKey = async (
  db: Db,
  workspaceId: string,
): Promise<string | undefined> => {
  const { rows } = await sql<{ conname: string }>`
    SELECT conname FROM pg_constraint
     WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd')
       AND confrelid IN ('public.users'::regclass,
                         ${usersTableOf(workspaceId)}::regclass)
     LIMIT 1`.execute(db);
  return rows[0]?.conname;
};

/**
 * Whether a table `c` is one plain table. The rows of any other table stand elsewhere: it reads as
 * empty, and row ids name no single row.
 */
export const IS_PLAIN = `(c.relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid))`;

/** A query that has a row if a workspace's users are in one plain table. */
export const plainTableQuery = (workspaceId: string): string =>
  `SELECT FROM pg_class c
    WHERE c.oid = ${escapeLiteral(usersTableOf(workspaceId))}::regclass AND ${IS_PLAIN}`;

/**
 * Whether a workspace's users are in one plain table. In a transaction that has read or written
 * them, its lock on the table keeps the answer true until its end.
 */
export const arePlain = async (
  client: Pick<pg.PoolClient, 'query'> | pg.Pool,
  workspaceId: string,
): Promise<boolean> => {
  const { rowCount } = await client.query(plainTableQuery(workspaceId));
  return rowCount === 1;
};

/** The fingerprint of a workspace's table of users, which changes with its columns and types. */
export const readFingerprint = async (
  client: Pick<pg.PoolClient, 'query'> | pg.Pool,
  workspaceId: string,
): Promise<string> => {
  const { rows } = await client.query<{ fingerprint: string }>(
    'SELECT users_fingerprint($1::regclass) AS fingerprint',
    [usersTableOf(workspaceId)],
  );
  return rows[0]?.fingerprint ?? '';
};

/**
 * Of the users in an earlier snapshot: how many still exist, and how many of these have changed
 * since. Reads the whole partition, in the snapshot of the connection.
 */
export const countSurvivors = async (
  client: pg.ClientBase,
  workspaceId: string,
  earlier: string,
): Promise<{ there: number; changed: number }> => {
  const { rows } = await client.query<{ there: number; changed: number }>(
    `SELECT count(*) AS there,
            count(*) FILTER (WHERE NOT pg_visible_in_snapshot(written_in, $1)) AS changed
       FROM ONLY ${usersTableOf(workspaceId)} WHERE pg_visible_in_snapshot(inserted_in, $1)`,
    [earlier],
  );
  return rows[0] ?? { there: 0, changed: 0 };
};

/**
 * PostgreSQL's own types whose text depends on other objects, which may be renamed: OIDs that are
 * shown by name.
 */
const TYPES_OF_NAMES =
  'regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure ' +
  'regrole regtype aclitem';

/**
 * Types of a workspace's users, however deeply nested, whose text can change while the value does
 * not, or is not the whole value. These are `TYPES_OF_NAMES`, types of others whose output function
 * is not declared immutable, and types made of `xml`, which is written without its declaration.
 */
export const listVolatileTypes = async (db: Db, workspaceId: string): Promise<string[]> => {
  const { rows } = await sql<{ name: string }>`
    SELECT y.typname AS name
      FROM users_types(${usersTableOf(workspaceId)}::regclass) AS t (oid)
      JOIN pg_type y ON y.oid = t.oid JOIN pg_proc p ON p.oid = y.typoutput
     WHERE CASE WHEN y.typnamespace = 'pg_catalog'::regnamespace
                THEN y.typname = ANY (${TYPES_OF_NAMES.split(' ')}::text[])
                ELSE p.pronamespace <> 'pg_catalog'::regnamespace AND p.provolatile <> 'i' END
        OR 'xml'::regtype IN (y.typelem, y.typbasetype)
        OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = y.typrelid AND a.attnum > 0
                      AND NOT a.attisdropped AND a.atttypid = 'xml'::regtype)
     ORDER BY 1`.execute(db);
  return rows.map(({ name }) => name);
};
