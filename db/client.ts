import { callbackify } from 'node:util';
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import { type Client, type ClientBase, Pool, types as pgTypes } from 'pg';
import {
  CONNECT_TIMEOUT_MS,
  prepareConnection,
  type StatementTimeouts,
  startupOptions,
} from './connections/connection.ts';
import { shareOut, type Shares } from './connections/fair-pool.ts';
import { LendingSocket } from './connections/reused-buffer-socket.ts';
import type { Schema } from './schema.ts';

export type Db = Kysely<Schema>;
export type Trx = Transaction<Schema>;

/** What a primary says that has become read-only: for this connection it stays so. */
const READ_ONLY = '25006';

export interface DatabaseOptions {
  applicationName?: string;
  maxConnections?: number;
  /** Acts as this role on every connection; without it, as the login itself. */
  role?: string;
  /** Whether much is read from it. */
  isForCopies?: boolean;
  /** Longest that a statement may take, and wait for a lock; without an end when not given. */
  timeouts?: StatementTimeouts;
  /** How much of it one may have; all when not given. */
  shares?: Shares;
}

/** A pool of connections and its query builder. `close` waits for the queries under way. */
export interface Database {
  db: Db;
  pool: Pool;
  close: () => Promise<void>;
}

const INT8: number = pgTypes.builtins.INT8;

const types = {
  // Counts and sizes stay far below 2^53.
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary'
      ? Number
      : (pgTypes.getTypeParser as (oid: number, format?: string) => unknown)(
          oid,
          format,
        )) as typeof pgTypes.getTypeParser,
};

/**
 * Closes a connection that has met a read-only server as soon as it is given back: the pool would
 * lend it again and again, long after the server takes writes over new ones.
 */
const dropReadOnly = (pool: Pool): void => {
  const readOnly = new WeakSet<ClientBase>();
  pool.on('connect', (client) => {
    (client as ClientBase as Client).connection.on(
      'errorMessage',
      ({ code }: { code?: string }) => {
        if (code === READ_ONLY) readOnly.add(client);
      },
    );
  });
  // Comes before the pool looks whether to keep the connection; it keeps none that is ending.
  pool.on('release', (_error, client) => {
    if (readOnly.has(client)) void (client as ClientBase as Client).end();
  });
};

/**
 * Every connection is prepared before it is lent.
 *
 * @throws DatabaseRefusal at the first use of a connection that is not what was asked for
 */
export const openDatabase = (databaseUrl: string, options: DatabaseOptions = {}): Database => {
  const { role, timeouts, shares } = options;
  const wanted = { role, timeouts };
  const pool = new Pool({
    connectionString: databaseUrl,
    application_name: options.applicationName ?? 'keepsake',
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...(options.isForCopies === true && { stream: () => new LendingSocket() }),
    types,
    options: startupOptions(wanted),
    verify: callbackify((client: ClientBase) => prepareConnection(client, wanted)),
  });
  // A connection lost while idle is replaced at its next use; without a listener it ends the
  // process.
  pool.on('error', () => {});
  // Nor may one lost while lent out, between two statements: its next statement fails and says so.
  pool.on('connect', (client) => client.on('error', () => {}));
  dropReadOnly(pool);
  if (shares !== undefined) shareOut(pool, shares);
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, close: () => db.destroy() };
};
