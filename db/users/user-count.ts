import type { Pool, PoolClient } from 'pg';
import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { toBoundStatement } from '../../selection/statements.ts';
import { isTooSlow } from '../connections/sql-states.ts';

/**
 * How often PostgreSQL checks, while it counts, that the connection still exists, in milliseconds.
 */
export const CONNECTION_CHECK_MS = 100;

export interface UserCount {
  workspaceId: string;
  where: RawBuilder<SqlBool>;
  /** How long PostgreSQL itself lets the count run, in milliseconds. */
  timeoutMs: number;
}

/**
 * The number of users that match. Undefined if `signal` is aborted first, or after `timeoutMs`.
 *
 * An abort closes the connection, and PostgreSQL ends the count at its next check. No cancel
 * request is sent, which could arrive late and hit the next statement of a pooled connection.
 */
export const countUsersUntil = async (
  pool: Pool,
  count: UserCount,
  signal: AbortSignal,
): Promise<number | undefined> => {
  const client = await connectUntil(pool, signal);
  if (client === undefined) return undefined;
  const release = once((isBroken: boolean) => client.release(isBroken));
  const close = (): void => release(true);
  signal.addEventListener('abort', close, { once: true });
  try {
    const counted = await countBy(client, count);
    release(false);
    return counted;
  } catch (error) {
    release(true);
    if (signal.aborted || isTooSlow(error)) return undefined;
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
};

const countBy = async (
  client: PoolClient,
  { workspaceId, where, timeoutMs }: UserCount,
): Promise<number> => {
  await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${timeoutMs};
    SET LOCAL client_connection_check_interval = ${CONNECTION_CHECK_MS}`);
  const { text, values } = toBoundStatement(sql`
    SELECT count(*) FROM users WHERE users.workspace_id = ${workspaceId} AND (${where})`);
  const { rows } = await client.query<{ count: number }>(text, values);
  await client.query('COMMIT');
  return rows[0]?.count ?? 0;
};

/** A connection; undefined if `signal` is aborted first. The connection is then released. */
const connectUntil = async (pool: Pool, signal: AbortSignal): Promise<PoolClient | undefined> => {
  const connecting = pool.connect();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const client = await Promise.race([connecting, aborted]);
  if (client !== undefined && !signal.aborted) return client;
  void connecting.then(
    (late) => late.release(),
    () => {},
  );
  return undefined;
};

const once = <T>(work: (value: T) => void): ((value: T) => void) => {
  let isDone = false;
  return (value) => {
    if (isDone) return;
    isDone = true;
    work(value);
  };
};
