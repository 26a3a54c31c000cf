import type { ColumnType } from 'kysely';

/** Column types that several tables share. */

/**
 * Read as parsed JSON, but written as text: the driver would write an array as a PostgreSQL array.
 */
export type Json = ColumnType<unknown, string, string>;
export type WithDefault<T> = ColumnType<T, T | undefined, T>;
export type CreatedAt = ColumnType<Date, Date | undefined, never>;
export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;

/** A column of `users` at the time of a backup. */
export interface StoredColumn {
  /** Table OID and column number (`attrelid.attnum`). A rename does not change them. */
  id: string;
  name: string;
  /** The SQL type, with its length or precision. */
  type: string;
  /** Whether PostgreSQL computes the column from other columns. */
  isGenerated: boolean;
}
