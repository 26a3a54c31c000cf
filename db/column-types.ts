import type { ColumnType } from 'kysely';

/** Column types that several tables share. */

/**
 * Read as parsed JSON, but written as text: the driver would write an array as a PostgreSQL array.
 */
export type Json = ColumnType<unknown, string, string>;
export type WithDefault<T> = ColumnType<T, T | undefined, T>;
export type CreatedAt = ColumnType<Date, Date | undefined, never>;
export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;

/** A composite type or an enum below a column, however deep. */
export interface NamedParts {
  /** The name of the type. */
  type: string;
  isEnum: boolean;
  /** The names of its attributes or labels, in their order. */
  names: string[];
}

/** A column of `users` at the time of a backup. */
export interface StoredColumn {
  /** Table OID and column number (`attrelid.attnum`). A rename does not change them. */
  id: string;
  name: string;
  /** The SQL type, with its length or precision. */
  type: string;
  /** Whether PostgreSQL computes the column from other columns. */
  isGenerated: boolean;
  /** Null if the column has no such type. Missing in early backups. */
  parts?: NamedParts[] | null;
}
