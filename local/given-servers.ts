import { sql } from 'kysely';
import type { LocalEnv } from '../config.ts';
import { openDatabase, type Db } from '../db/client.ts';
import { assertClock } from '../db/connections/clock.ts';
import { assertDurable } from '../db/connections/durability.ts';
import { assertUtf8 } from '../db/migrate.ts';
import { refusalOf } from '../db/connections/refusal.ts';
import { ROLES } from '../db/roles.ts';
import { findLoudLog } from './postgres/postgres-log.ts';
import { connectTemporal } from '../temporal/client.ts';

const TEMPORAL_DEADLINE_MS = 5_000;
const OLDEST_POSTGRES = 15;

/** SQLSTATEs and system codes of a refused connection: what they mean and what to do. */
const REFUSALS: Record<string, string> = {
  '28000':
    'refuses this login: correct the user and the password, or allow the login in pg_hba.conf',
  '28P01': 'refuses this password: correct the password',
  '3D000': 'has no database with this name: create the database, or correct the name',
};

/** gRPC status codes. */
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;

/**
 * Checks a database. `warn` receives problems that do not prevent the start.
 *
 * @throws Error in one sentence when the database cannot be used
 */
export const checkDatabase = async (
  databaseUrl: string,
  warn: (line: string) => void,
): Promise<void> => {
  const { host } = new URL(databaseUrl);
  const place = `DATABASE_URL: the server at ${host}`;
  const database = openDatabase(databaseUrl, {
    applicationName: 'keepsake-check',
    maxConnections: 1,
  });
  try {
    await connect(database.db, place);
    await assertUsable(database.db, place);
    for (const check of [assertUtf8, assertDurable, assertClock]) {
      await check(database.db).catch((error: Error) => {
        throw ofSetting(error);
      });
    }
    const loud = await findLoudLog(database.db);
    if (loud !== undefined) warn(loud);
  } finally {
    await database.close();
  }
};

/**
 * Checks that the servers in the environment can be used, before anything is started. `warn`
 * receives problems that do not prevent the start, one line each.
 *
 * @throws Error that names the setting, the problem, and what to do
 */
export const checkGivenServers = async (
  { DATABASE_URL, TEMPORAL_ADDRESS }: LocalEnv,
  inherited: NodeJS.ProcessEnv,
  warn: (line: string) => void,
): Promise<void> => {
  if (DATABASE_URL !== undefined) await checkDatabase(DATABASE_URL, warn);
  if (TEMPORAL_ADDRESS !== undefined) await checkTemporal(TEMPORAL_ADDRESS, inherited);
};

const connect = async (db: Db, place: string): Promise<void> => {
  try {
    await sql`SELECT 1`.execute(db);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal !== undefined) throw ofSetting(refusal);
    throw new Error(`${place} ${connectionProblem(error as Error)}.`, { cause: error });
  }
};

const ofSetting = (error: Error): Error =>
  new Error(`DATABASE_URL: ${error.message}`, { cause: error });

const connectionProblem = (error: NodeJS.ErrnoException): string =>
  REFUSALS[error.code ?? ''] ??
  `does not respond as PostgreSQL (${error.code ?? error.message}): start the server, or correct the address`;

/**
 * Only a schema without its roles needs a login with more rights than those of the tables' owner.
 */
const assertUsable = async (db: Db, place: string): Promise<void> => {
  const { rows } = await sql<{ version: number; may_set_up: boolean }>`
    SELECT current_setting('server_version_num')::int / 10000 AS version,
           (to_regclass('public.kysely_migration') IS NOT NULL AND (
             SELECT count(*) = ${ROLES.length} FROM pg_roles WHERE rolname = ANY (${[...ROLES]}::text[])))
           OR (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
           OR (SELECT count(*) = 2 FROM pg_roles
                WHERE rolname IN ('keepsake_app', 'keepsake_deleter')
                  AND pg_has_role(oid, 'MEMBER WITH ADMIN OPTION')) AS may_set_up`.execute(db);
  const { version = 0, may_set_up: maySetUp = false } = rows[0] ?? {};
  if (version < OLDEST_POSTGRES) {
    throw new Error(`${place} is PostgreSQL ${version}: use ${OLDEST_POSTGRES} or later.`);
  }
  if (!maySetUp) {
    throw new Error(
      `${place} accepts a login that may not create roles, but the schema setup requires this right: ` +
        'give CREATEROLE to the login, or start once with another login.',
    );
  }
};

const checkTemporal = async (address: string, inherited: NodeJS.ProcessEnv): Promise<void> => {
  try {
    await describeTemporal({ ...inherited, TEMPORAL_ADDRESS: address });
  } catch (error) {
    const { code, details, message } = error as {
      code?: number;
      details?: string;
      message: string;
    };
    if (code === NOT_FOUND) {
      throw new Error(
        `TEMPORAL_NAMESPACE: the server at ${address} does not have this namespace (${details}): create it, or correct the name.`,
        { cause: error },
      );
    }
    const why = code === DEADLINE_EXCEEDED ? 'no response in time' : (details ?? message);
    throw new Error(
      `TEMPORAL_ADDRESS: no Temporal responds at ${address} (${why}): start Temporal, or correct the address.`,
      { cause: error },
    );
  }
};

const describeTemporal = async (env: NodeJS.ProcessEnv): Promise<void> => {
  const { client, namespace, close } = connectTemporal(env);
  try {
    await client.connection.withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
  } finally {
    await close();
  }
};
