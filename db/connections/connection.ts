import type { ClientBase, Pool, PoolClient } from 'pg';
import { refuseDatabase, refuseForgetful, refusePooler } from './refusal.ts';

/** Longest wait for a new connection to be ready for use, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Asked for as a connection starts, and read back; each as PostgreSQL shows it. Neither the
 * server's own settings nor those of a role or database may change what a file holds, hide a row,
 * find another table, or end a step in its middle. Every supported version knows these names.
 *
 * `default_transaction_read_only` is left alone: a fail-over uses it.
 */
const ASKED = {
  // How values become text, and text becomes values.
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
  // Which rows and tables a statement sees.
  default_transaction_deferrable: 'off',
  default_transaction_isolation: 'read committed',
  row_security: 'off',
  // Nothing that a trigger has left among the temporary tables hides one of ours.
  search_path: 'public, pg_temp',
  // When PostgreSQL ends it.
  exit_on_error: 'off',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  lock_timeout: '0',
  statement_timeout: '0',
};

/** PostgreSQL 17 and later: an older one would refuse a connection that asks for it. */
const SET_LATER = { transaction_timeout: '0' };

/** Read back only: it takes a superuser to ask for the one, and the driver asks for the other. */
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

/** What a connection is to be. */
export interface WantedConnection {
  /** It acts as this role, or as its login where none is given. */
  role?: string | undefined;
  timeouts?: StatementTimeouts | undefined;
}

/** The `options` of a connection. */
export const startupOptions = ({ role, timeouts }: WantedConnection): string =>
  Object.entries({ ...ASKED, ...timeouts, ...(role !== undefined && { role }) })
    .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
    .join(' ');

/** All in one round trip. A setting that this version does not know is null. */
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

const refuseSetting = (name: string, found: string, wanted: string) =>
  refuseDatabase(
    'connectionUnfit',
    name in EXPECTED
      ? `This login or database sets ${name} to ${found} where Keepsake needs ${wanted}: reset it.`
      : `A new connection has ${name} = ${found} though Keepsake asked for ${wanted}: let DATABASE_URL ` +
          'lead to PostgreSQL itself, past any pooler, and without options of its own.',
  );

/** What the server said as the connection began; the driver's types leave it out. */
const processIdOf = (client: ClientBase): number | null =>
  (client as ClientBase & { processID: number | null }).processID;

/** The driver's own setting, which its types leave out: a server that hangs now is given up. */
const DEADLINE = { query_timeout: CONNECT_TIMEOUT_MS };

/** What each connection was asked to be. */
const asked = new WeakMap<ClientBase, WantedConnection>();

/**
 * Sets what could not be asked for, and reads everything back, before a connection is used.
 *
 * @throws DatabaseRefusal when a pooler answers, or anything is not as it was asked for
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
  // A pooler hands out process ids of its own making.
  if (found === undefined || found.pid !== processIdOf(client)) throw refusePooler();
  if (role !== undefined && found.role !== role) throw refuseSetting('role', found.role, role);
  for (const [name, setting] of Object.entries({ ...WANTED, ...timeouts })) {
    const value = found.settings[name] ?? null;
    if (value !== null && value !== setting) throw refuseSetting(name, value, setting);
  }
  if (found.settings['synchronous_commit'] === 'off') throw refuseForgetful(['synchronous_commit']);
};

/**
 * Gives each setting the value that a connection began with: a `SET` in a trigger lasts beyond its
 * transaction. Also takes back each `SET LOCAL` of the transaction that is open.
 */
export const RESET_SETTINGS = `RESET ALL;
  SELECT set_config(name, '0', false) FROM unnest(ARRAY['${Object.keys(SET_LATER).join("', '")}']) AS name
   WHERE current_setting(name, true) IS NOT NULL`;

/**
 * Takes back what triggers of others have set on a connection: it would change what a file holds,
 * what a value becomes, or which rows are seen.
 *
 * @throws DatabaseRefusal when it cannot be taken back, such as a role
 */
export const renewConnection = async (client: ClientBase): Promise<void> => {
  await client.query({ text: 'RESET ALL', ...DEADLINE });
  await prepareConnection(client, asked.get(client) ?? {});
};

/** Lends a connection of a pool whose connections run triggers of others, as good as new. */
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
