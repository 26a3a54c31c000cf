import type { Client, ClientBase, Pool } from 'pg';

/** Time for an answer to arrive after the limit of PostgreSQL itself, in milliseconds. */
const GRACE_MS = 5_000;

/** For statements that read all users of a workspace, or write millions of rows. */
const LONG_STATEMENT = '15min';

/** Raises the limit of a transaction for a statement. The deadline rises with it. */
export const RAISE_LIMIT = `SET LOCAL statement_timeout = '${LONG_STATEMENT}'`;

/**
 * Closes a connection on which PostgreSQL has not answered a statement by the limit at which it
 * ends the statement itself. The network then drops packets, and the operating system would notice
 * this only after some 15 minutes. The statement fails, and the pool replaces the connection.
 *
 * A COPY has no such limit: its reader may be slow. Statements of one connection must not overlap;
 * Kysely sends them one after another.
 *
 * @param statementTimeout the limit of the pool's connections, as PostgreSQL shows it
 */
export const closeSilent = (pool: Pool, statementTimeout: string): void => {
  const limitMs = toMs(statementTimeout);
  if (limitMs > 0) pool.on('connect', (client) => watch(client as ClientBase as Client, limitMs));
};

const watch = (client: Client, limitMs: number): void => {
  const { connection } = client;
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  let isLong = false;
  let timer: NodeJS.Timeout | undefined;

  const start = (): void => {
    clearTimeout(timer);
    const ms = (isLong ? toMs(LONG_STATEMENT) : limitMs) + GRACE_MS;
    timer = setTimeout(() => connection.stream.destroy(noAnswer(ms)), ms).unref();
  };

  Object.assign(client, {
    query: (...args: unknown[]) => {
      if (args[0] === RAISE_LIMIT) isLong = true;
      if (!isCopy(args[0])) start();
      return query(...args);
    },
  });
  connection.on('readyForQuery', ({ status }: { status: string }) => {
    clearTimeout(timer);
    if (status === 'I') isLong = false;
  });
  connection.once('end', () => clearTimeout(timer));
};

/** Streams submit themselves. All other statements are texts, or have one. */
const isCopy = (statement: unknown): boolean =>
  typeof statement === 'object' && statement !== null && 'submit' in statement;

/** Of whole seconds or minutes, such as `30s` or `2min`; 0 for no limit. */
const toMs = (timeout: string): number =>
  Number.parseInt(timeout, 10) * (timeout.endsWith('min') ? 60_000 : 1_000);

const noAnswer = (ms: number): Error =>
  Object.assign(
    new Error(
      `PostgreSQL has not answered a statement within ${ms / 1_000} s: check the network between here and its host`,
    ),
    { name: 'NoAnswer', code: 'ETIMEDOUT' },
  );
