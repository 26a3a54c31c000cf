import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import { Pool, types as pgTypes } from 'pg';
import { LendingSocket } from './lending-socket.ts';
import type { Schema } from './schema.ts';

export type Db = Kysely<Schema>;
export type Trx = Transaction<Schema>;

/** The role of API and worker: it cannot delete users. */
export const APP_ROLE = 'keepsake_app';

/** Longest wait for a free or new connection, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Settings that change how PostgreSQL renders a value as text; files must not depend on a server's own. */
const RENDERING = {
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
};

export interface DatabaseOptions {
  applicationName?: string;
  maxConnections?: number;
  /** Acts as this role on every connection; without it, as the login itself. */
  role?: typeof APP_ROLE;
  /** Whether much is read from it. */
  isForCopies?: boolean;
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

export const openDatabase = (databaseUrl: string, options: DatabaseOptions = {}): Database => {
  const settings: Record<string, string> = { ...RENDERING };
  if (options.role !== undefined) settings['role'] = options.role;
  const pool = new Pool({
    connectionString: databaseUrl,
    application_name: options.applicationName ?? 'keepsake',
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...(options.isForCopies === true && { stream: () => new LendingSocket() }),
    types,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  // A connection lost while idle is replaced at its next use; without a listener it ends the process.
  pool.on('error', () => {});
  // Nor may one lost while lent out, between two statements: its next statement fails and says so.
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, close: () => db.destroy() };
};
