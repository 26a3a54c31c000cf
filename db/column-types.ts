import type { ColumnType } from 'kysely';

/** Kinds of columns that tables have in common. */

/** Read as parsed JSON, written as text, so that an array is never taken for a PostgreSQL array. */
export type Json = ColumnType<unknown, string, string>;
export type WithDefault<T> = ColumnType<T, T | undefined, T>;
export type CreatedAt = ColumnType<Date, Date | undefined, never>;
export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;
