import type { Pool } from 'pg';
import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { readUntil } from '../connections/read-until.ts';

export interface UserCount {
  workspaceId: string;
  where: RawBuilder<SqlBool>;
  /** How long PostgreSQL itself lets the count run, in milliseconds. */
  timeoutMs: number;
}

/** The number of users that match. Undefined if `signal` is aborted first, or after `timeoutMs`. */
export const countUsersUntil = async (
  pool: Pool,
  { workspaceId, where, timeoutMs }: UserCount,
  signal: AbortSignal,
): Promise<number | undefined> => {
  const statement = sql<{ count: number }>`
    SELECT count(*) FROM users WHERE users.workspace_id = ${workspaceId} AND (${where})`;
  const rows = await readUntil(pool, { statement, timeoutMs }, signal);
  return rows === undefined ? undefined : (rows[0]?.count ?? 0);
};
