import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { usersTableOf } from '../workspaces.ts';

/** A foreign key by which users refer to users. */
export interface UserReference {
  constraint: string;
  /** The referenced table, as SQL: that of all users, or of one workspace. */
  table: string;
  columns: string[];
  /** The referenced column for each of `columns`. */
  referenced: string[];
}

/** Foreign keys by which a workspace's users refer to one another. */
export const listUserReferences = async (db: Db, workspaceId: string): Promise<UserReference[]> => {
  const { rows } = await sql<UserReference>`
    SELECT k.conname AS "constraint", k.confrelid::regclass::text AS "table",
           (SELECT json_agg(a.attname ORDER BY key.n) FROM unnest(k.conkey) WITH ORDINALITY AS key (num, n)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = key.num) AS columns,
           (SELECT json_agg(a.attname ORDER BY key.n) FROM unnest(k.confkey) WITH ORDINALITY AS key (num, n)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = key.num) AS referenced
      FROM (SELECT ${usersTableOf(workspaceId)}::regclass AS id) AS users
      JOIN pg_constraint k ON k.conrelid = users.id
       AND k.contype = 'f' AND k.confrelid IN ('public.users'::regclass, users.id)`.execute(db);
  return rows;
};
