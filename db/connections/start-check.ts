import { DatabaseError } from 'pg';
import type { Db } from '../client.ts';
import { assertClock } from './clock.ts';
import { type DatabaseRefusal, refusalOf, refuseDatabase } from './refusal.ts';
import { assertSchema } from '../schema-version.ts';
import { endsConnection, isLoginRefused } from './sql-states.ts';

/** SQLSTATE: the role that a new connection requests does not exist. The schema makes the roles. */
const NO_SUCH_ROLE = '22023';
/** SQLSTATE: the login may not act as the role, or not connect to the database. */
const MAY_NOT_ACT = '42501';

/** Why a process must not start on a database that answers. Undefined while waiting may help. */
export const startRefusalOf = (error: unknown): DatabaseRefusal | undefined => {
  const refusal = refusalOf(error) ?? ofRole(error);
  if (refusal !== undefined || !isLoginRefused(error)) return refusal;
  const { code } = error as NodeJS.ErrnoException;
  return refuseDatabase(
    'loginRefused',
    `PostgreSQL refuses the login of this process (${code ?? error.message}): correct DATABASE_URL, or the server's ` +
      'logins and pg_hba.conf.',
  );
};

/**
 * Checks that API and worker run before they use a database.
 *
 * @throws DatabaseRefusal from `assertSchema` and `assertClock`; errors of the driver
 */
export const assertReady = async (db: Db): Promise<void> => {
  await assertSchema(db);
  await assertClock(db);
};

/**
 * PostgreSQL applies the settings of a new connection, and the role is one of them. So a role's
 * error ends the connection.
 */
const ofRole = (error: unknown): DatabaseRefusal | undefined => {
  if (!(error instanceof DatabaseError) || !endsConnection(error)) return undefined;
  if (error.code === NO_SUCH_ROLE) {
    return refuseDatabase(
      'schemaMissing',
      'The database does not have the roles of Keepsake: run "npm run migrate" as the owner of the database.',
    );
  }
  return error.code === MAY_NOT_ACT
    ? refuseDatabase(
        'loginRefused',
        'The login of DATABASE_URL may not connect, or may not act as its role: make it a member of ' +
          'keepsake_api for the API, or of keepsake_worker for the worker.',
      )
    : undefined;
};
