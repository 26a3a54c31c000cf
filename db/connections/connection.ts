import type { ClientBase, Pool, PoolClient } from 'pg';
import { refuseDatabase, refuseForgetful, refusePooler } from './refusal.ts';

/** Longest wait for a new connection to be ready for use, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Settings that each new connection requests and then reads back, as PostgreSQL shows them. The
 * settings of the server, a role or a database must not change a file's content, hide a row, find
 * another table, or end a step midway. Every supported version knows these names.
 *
 * `default_transaction_read_only` is not set here, because a fail-over uses it.
 */
const ASKED = {
  // Conversion between values and text.
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  array_nulls: 'on',
  bytea_output: 'hex',
  extra_float_digits: '1',
  lc_monetary: 'C',
  standard_conforming_strings: 'on',
  xmlbinary: 'base64',
  xmloption: 'content',
  // The rows and tables that a statement sees.
  default_transaction_deferrable: 'off',
  default_transaction_isolation: 'read committed',
  row_security: 'off',
  // Temporary tables come last: one that a trigger has left must not hide a table of Keepsake.
  search_path: 'public, pg_temp',
  // When PostgreSQL ends a connection or a statement.
  exit_on_error: 'off',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  lock_timeout: '0',
  statement_timeout: '0',
};

/** From PostgreSQL 17 on. An older server would refuse a connection that requests this setting. */
const SET_LATER = { transaction_timeout: '0' };

/**
 * Only read back. To set `session_replication_role` takes a superuser; the driver requests
 * `client_encoding`.
 */
const EXPECTED = { client_encoding: 'UTF8', session_replication_role: 'origin' };

const WANTED: Record<string, string> = { ...ASKED, ...SET_LATER, ...EXPECTED };
const NAMES = [...Object.keys(WANTED), 'synchronous_commit'];

/**
 * As PostgreSQL shows them: whole seconds below a minute, as `30s`, or whole minutes, as `2min`.
 */
export interface StatementTimeouts {
  statement_timeout: string;
  lock_timeout: string;
}

/** The requested properties of a connection. */
export interface WantedConnection {
  /** The role that the connection acts as. Without a value, its login's role. */
  role?: string | undefined;
  timeouts?: StatementTimeouts | undefined;
}

/** Reads all settings in one round trip. A setting that this version does not know is null. */
const READ_BACK = `
  SELECT pg_backend_pid() AS pid, current_user::text AS role,
         (SELECT jsonb_object_agg(name, CASE
                   WHEN name <> ALL ($2) THEN current_setting(name)
                   WHEN current_setting(name, true) IS NOT NULL THEN set_config(name, '0', false)
                 END) FROM unnest($1::text[]) AS name) AS settings`;

interface Connection {
  pid: number;
  role: string;
  settings: Record<string, string | null>;
}

/**
 * A setting of the driver that its types omit. A server that does not answer in this time counts as
 * failed.
 */
const DEADLINE = { query_timeout: CONNECT_TIMEOUT_MS };

/** The requested properties of each connection. */
const asked = new WeakMap<ClientBase, WantedConnection>();

/**
 * Resets each setting to its value at the start of the connection, because a `SET` in a trigger
 * outlives its transaction. Also undoes each `SET LOCAL` of the open transaction.
 */
export const RESET_SETTINGS = `RESET ALL;
  SELECT set_config(name, '0', false) FROM unnest(ARRAY['${Object.keys(SET_LATER).join("', '")}']) AS name
   WHERE current_setting(name, true) IS NOT NULL`;

/**
 * Runs deferred triggers now, so that none runs at the commit, and undoes what triggers have set.
 */
export const END_TRIGGERS = `SET CONSTRAINTS ALL IMMEDIATE; ${RESET_SETTINGS}`;

/** The `options` of a connection. */
export const startupOptions = ({ role, timeouts }: WantedConnection): string =>
  Object.entries({ ...ASKED, ...timeouts, ...(role !== undefined && { role }) })
    .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
    .join(' ');

/**
 * Sets what a new connection could not request, and reads all settings back. Must run before the
 * first use of a connection.
 *
 * @throws DatabaseRefusal when a pooler answers, or a setting differs from the request
 */
export const prepareConnection = async (
  client: ClientBase,
  wanted: WantedConnection,
): Promise<void> => {
  const { role, timeouts } = wanted;
  asked.set(client, wanted);
  const { rows } = await client.query<Connection>({
    ...DEADLINE,
    text: READ_BACK,
    values: [NAMES, Object.keys(SET_LATER)],
  });
  const [found] = rows;
  // A pooler sends process ids of its own.
  if (found === undefined || found.pid !== processIdOf(client)) throw refusePooler();
  if (role !== undefined && found.role !== role) throw refuseSetting('role', found.role, role);
  for (const [name, setting] of Object.entries({ ...WANTED, ...timeouts })) {
    const value = found.settings[name] ?? null;
    if (value !== null && value !== setting) throw refuseSetting(name, value, setting);
  }
  if (found.settings['synchronous_commit'] === 'off') throw refuseForgetful(['synchronous_commit']);
};

/**
 * Undoes settings that triggers have changed on a connection. They could change the content of a
 * file, the meaning of a value, or which rows are seen.
 *
 * @throws DatabaseRefusal when a change cannot be undone, such as that of a role
 */
export const renewConnection = async (client: ClientBase): Promise<void> => {
  await client.query({ text: 'RESET ALL', ...DEADLINE });
  await prepareConnection(client, asked.get(client) ?? {});
};

/** Lends a renewed connection from a pool whose connections run foreign triggers. */
export const lendRenewed = async (pool: Pool): Promise<PoolClient> => {
  const client = await pool.connect();
  try {
    await renewConnection(client);
    return client;
  } catch (error) {
    client.release(true);
    throw error;
  }
};

/** The process id that the server sent as the connection began. The driver's types omit it. */
const processIdOf = (client: ClientBase): number | null =>
  (client as ClientBase & { processID: number | null }).processID;

const refuseSetting = (name: string, found: string, wanted: string) =>
  refuseDatabase(
    'connectionUnfit',
    name in EXPECTED
      ? `This login or database sets ${name} to ${found}, but Keepsake needs ${wanted}: reset this setting.`
      : `A new connection has ${name} = ${found}, although Keepsake requested ${wanted}: set DATABASE_URL to ` +
          'PostgreSQL itself, without a pooler and without options.',
  );
