import type { ColumnType } from 'kysely';

/** Only functions of the database write these rows. */
type ReadOnly<T> = ColumnType<T, never, never>;

export interface SessionSchema {
  sessions: {
    hash: ReadOnly<Buffer>;
    key_id: ReadOnly<string>;
    created_at: ReadOnly<Date>;
    last_used_at: ReadOnly<Date>;
    expires_at: ReadOnly<Date>;
  };
}
