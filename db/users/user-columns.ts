import { sql } from 'kysely';
import type { Db } from '../client.ts';
import type { StoredColumn } from '../column-types.ts';
import { partitionOf } from '../workspaces.ts';
import { TYPE_PARTS } from './type-parts.ts';

/** A current column of a workspace's users. */
export interface UserColumn extends StoredColumn {
  /** The type without length or precision, which apply when a value is assigned. */
  baseType: string;
  /** Whether a value equals its own text, byte for byte. */
  isText: boolean;
  /** Whether the type reads exactly what it has written, for every value. */
  isExact: boolean;
}

/** Types of PostgreSQL for which that is known, under the settings of Keepsake's connections. */
const EXACT_TYPES = (
  'text varchar bool int2 int4 int8 numeric float4 float8 uuid date time timestamp timestamptz jsonb ' +
  'bytea _text _varchar _int4 _int8'
).split(' ');

/** Columns of a workspace's users, in the order of the table. */
export const listUserColumns = async (db: Db, workspaceId: string): Promise<UserColumn[]> => {
  const { rows } = await sql<UserColumn>`
    SELECT a.attrelid || '.' || a.attnum AS id, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
           format('%I.%I', n.nspname, y.typname) AS "baseType",
           y.oid IN ('text'::regtype, 'varchar'::regtype) AS "isText",
           y.typnamespace = 'pg_catalog'::regnamespace
             AND y.typname = ANY (${EXACT_TYPES}::text[]) AS "isExact",
           a.attgenerated <> '' AS "isGenerated", ${sql.raw(TYPE_PARTS)} AS parts
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      JOIN pg_type y ON y.oid = a.atttypid JOIN pg_namespace n ON n.oid = y.typnamespace
     WHERE c.relname = ${partitionOf(workspaceId)} AND c.relnamespace = 'public'::regnamespace
       AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`.execute(db);
  return rows;
};
