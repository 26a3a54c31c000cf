import { sql } from 'kysely';
import type pg from 'pg';
import type { Db } from '../client.ts';
import { partitionOf } from '../workspaces.ts';

/**
 * Name of a foreign key by which deleting a user would delete or change other rows, if there is
 * one. Such rows go in silence, and no backup of users holds them.
 */
export const cascadingForeignKey = async (
  db: Db,
  workspaceId: string,
): Promise<string | undefined> => {
  const { rows } = await sql<{ conname: string }>`
    SELECT conname FROM pg_constraint
     WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd')
       AND confrelid IN ('public.users'::regclass,
                         ${`public."${partitionOf(workspaceId)}"`}::regclass)
     LIMIT 1`.execute(db);
  return rows[0]?.conname;
};

/**
 * Of the users a workspace had in an earlier snapshot, how many are there still, and how many of
 * these were changed since. Reads the whole partition, as the connection's snapshot sees it.
 */
export const countSurvivors = async (
  client: pg.ClientBase,
  workspaceId: string,
  earlier: string,
): Promise<{ there: number; changed: number }> => {
  const { rows } = await client.query<{ there: number; changed: number }>(
    `SELECT count(*) AS there,
            count(*) FILTER (WHERE NOT pg_visible_in_snapshot(written_in, $1)) AS changed
       FROM ONLY public."${partitionOf(workspaceId)}" WHERE pg_visible_in_snapshot(inserted_in, $1)`,
    [earlier],
  );
  return rows[0] ?? { there: 0, changed: 0 };
};

/**
 * PostgreSQL's own types whose text depends on other objects, which may be renamed: OIDs that are
 * shown by names.
 */
const TYPES_OF_NAMES =
  'regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure ' +
  'regrole regtype aclitem';

/**
 * Types that values of a workspace's users are made of, however deep, whose text may become another
 * without the values: those above, and types of others whose output function does not say that it
 * never does.
 */
export const listVolatileTypes = async (db: Db, workspaceId: string): Promise<string[]> => {
  const { rows } = await sql<{ name: string }>`
    SELECT y.typname AS name
      FROM users_types(${`public."${partitionOf(workspaceId)}"`}::regclass) AS t (oid)
      JOIN pg_type y ON y.oid = t.oid JOIN pg_proc p ON p.oid = y.typoutput
     WHERE CASE WHEN y.typnamespace = 'pg_catalog'::regnamespace
                THEN y.typname = ANY (${TYPES_OF_NAMES.split(' ')}::text[])
                ELSE p.pronamespace <> 'pg_catalog'::regnamespace AND p.provolatile <> 'i' END
     ORDER BY 1`.execute(db);
  return rows.map(({ name }) => name);
};
