import { callbackify } from 'node:util';
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import { type Client, type ClientBase, Pool, types as pgTypes } from 'pg';
import { closeSilent } from './connections/answer-deadline.ts';
import {
  CONNECT_TIMEOUT_MS,
  prepareConnection,
  type StatementTimeouts,
  startupOptions,
} from './connections/connection.ts';
import { shareOut, type Shares } from './connections/fair-pool.ts';
import { ClientOfPool } from './connections/new-client.ts';
import { ReusedBufferSocket } from './connections/reused-buffer-socket.ts';
import type { Schema } from './schema.ts';

export type Db = Kysely<Schema>;
export type Trx = Transaction<Schema>;

/**
 * SQLSTATE of a write on a read-only server. A connection that has met this error stays read-only.
 */
const READ_ONLY = '25006';

/**
 * Silence after which the system probes a connection, in milliseconds. Node sets ten probes, one a
 * second, so a lost peer is noticed after 20 s. The system's default is two hours.
 */
const PROBE_AFTER_MS = 10_000;

export interface DatabaseOptions {
  applicationName?: string;
  maxConnections?: number;
  /** The role of every connection. Without a value, the login's own role. */
  role?: string;
  /** Whether the connections carry large COPY streams. */
  isForCopies?: boolean;
  /** Limits for a statement and for a wait for a lock. Without a value, there is no limit. */
  timeouts?: StatementTimeouts;
  /**
   * Limits for one owner's share of the pool. Without a value, an owner may use all connections.
   */
  shares?: Shares;
}

/** A pool of connections and its query builder. `close` waits for running queries. */
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
 * Opens a pool. Every connection is prepared before its first use.
 *
 * @throws DatabaseRefusal at the first use of a connection whose settings are not as requested
 */
export const openDatabase = (databaseUrl: string, options: DatabaseOptions = {}): Database => {
  const { role, timeouts, shares } = options;
  const wanted = { role, timeouts };
  const pool = new Pool({
    Client: ClientOfPool,
    connectionString: databaseUrl,
    application_name: options.applicationName ?? 'keepsake',
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: PROBE_AFTER_MS,
    ...(options.isForCopies === true && { stream: () => new ReusedBufferSocket() }),
    types,
    options: startupOptions(wanted),
    verify: callbackify((client: ClientBase) => prepareConnection(client, wanted)),
  });
  // The pool replaces a connection that is lost while idle. Without a listener, the error would end
  // the process.
  pool.on('error', () => {});
  // The same holds for a lent connection that is lost between two statements: its next statement
  // fails.
  pool.on('connect', (client) => client.on('error', () => {}));
  dropReadOnly(pool);
  if (timeouts !== undefined) closeSilent(pool, timeouts.statement_timeout);
  if (shares !== undefined) shareOut(pool, shares);
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, close: () => db.destroy() };
};

/**
 * Closes a connection that has met a read-only server, as soon as the connection is released.
 * Otherwise the pool would keep lending the connection long after the server accepts writes again.
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
  // This event comes before the pool decides on keeping the connection. The pool keeps no
  // connection that is ending.
  pool.on('release', (_error, client) => {
    if (readOnly.has(client)) void (client as ClientBase as Client).end();
  });
};
