import type { ColumnType } from 'kysely';

/** Kinds of columns that tables have in common, and what such a column holds. */

/** Read as parsed JSON, written as text, so that an array is never taken for a PostgreSQL array. */
export type Json = ColumnType<unknown, string, string>;
export type WithDefault<T> = ColumnType<T, T | undefined, T>;
export type CreatedAt = ColumnType<Date, Date | undefined, never>;
export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;

/** A column of users as a backup found it. */
export interface StoredColumn {
  /** Of the table and the column in it, which a rename leaves as it is. */
  id: string;
  name: string;
  /** Its type as SQL, with its length or precision. */
  type: string;
  /** Whether PostgreSQL computes it from other columns. */
  isGenerated: boolean;
}
