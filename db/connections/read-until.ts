import type { Pool, PoolClient } from 'pg';
import type { RawBuilder } from 'kysely';
import { toBoundStatement } from '../../selection/statements.ts';
import { isTooSlow } from './sql-states.ts';

/**
 * How often PostgreSQL checks, while it reads, that the connection still exists, in milliseconds.
 */
export const CONNECTION_CHECK_MS = 100;

export interface TimedStatement<Row> {
  statement: RawBuilder<Row>;
  /**
   * How long PostgreSQL itself lets the statement run, in milliseconds. Without a value, the limit
   * of the connection stays, and is an error.
   */
  timeoutMs?: number;
  /** Further settings, for this statement only. */
  settings?: Readonly<Record<string, string>>;
}

/**
 * The rows of a statement. Undefined if `signal` is aborted first, or after `timeoutMs`.
 *
 * An abort closes the connection, and PostgreSQL ends the statement at its next check. No cancel
 * request is sent, which could arrive late and hit the next statement of a pooled connection.
 */
export const readUntil = async <Row extends object>(
  pool: Pool,
  timed: TimedStatement<Row>,
  signal: AbortSignal,
): Promise<Row[] | undefined> => {
  const client = await connectUntil(pool, signal);
  if (client === undefined) return undefined;
  const release = once((isBroken: boolean) => client.release(isBroken));
  const close = (): void => release(true);
  signal.addEventListener('abort', close, { once: true });
  try {
    const rows = await readBy(client, timed);
    release(false);
    return rows;
  } catch (error) {
    const isLate = timed.timeoutMs !== undefined && isTooSlow(error);
    release(!(isLate && (await rollBack(client))));
    if (signal.aborted || isLate) return undefined;
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
};

/** Whether the connection can be used again. */
const rollBack = (client: PoolClient): Promise<boolean> =>
  client.query('ROLLBACK').then(
    () => true,
    () => false,
  );

const readBy = async <Row extends object>(
  client: PoolClient,
  { statement, timeoutMs, settings }: TimedStatement<Row>,
): Promise<Row[]> => {
  const set = Object.entries({
    client_connection_check_interval: String(CONNECTION_CHECK_MS),
    ...(timeoutMs !== undefined && { statement_timeout: String(timeoutMs) }),
    ...settings,
  });
  await client.query(
    ['BEGIN READ ONLY', ...set.map(([name, value]) => `SET LOCAL ${name} = ${value}`)].join('; '),
  );
  const { text, values } = toBoundStatement(statement);
  const { rows } = await client.query<Row>(text, values);
  await client.query('COMMIT');
  return rows;
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
