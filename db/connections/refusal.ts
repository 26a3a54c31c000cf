import { DatabaseError } from 'pg';
import { ACTING_ROLES } from '../roles.ts';

/** Why Keepsake refuses a database, or a connection, that answers. */
export type RefusalCode =
  | 'clockWentBack'
  | 'connectionUnfit'
  | 'clocksDiffer'
  | 'databaseNotDurable'
  | 'loginRefused'
  | 'rowSecurity'
  | 'schemaMissing'
  | 'schemaOutdated';

/**
 * `message` is one sentence that states the problem and its fix. It holds names and settings, never
 * a row's values.
 */
export interface DatabaseRefusal extends Error {
  code: RefusalCode;
}

const NAME = 'DatabaseRefusal';

/**
 * How PgBouncer and RDS Proxy refuse a client that sets options. Neither translates its messages.
 */
const POOLER_REFUSAL =
  /unsupported (?:options )?startup parameter|doesn't support command-line options/;

/** Makes an error to throw. */
export const refuseDatabase = (code: RefusalCode, message: string): DatabaseRefusal =>
  Object.assign(new Error(message), { name: NAME, code });

/** For a server that answers but is not PostgreSQL. */
export const refusePooler = (): DatabaseRefusal =>
  refuseDatabase(
    'connectionUnfit',
    'A connection pooler such as PgBouncer responds instead of PostgreSQL, and drops or shares the ' +
      'settings of a connection. Set DATABASE_URL to the host and port of PostgreSQL itself.',
  );

/** For a server that could lose commits in a crash. */
export const refuseForgetful = (settings: readonly string[]): DatabaseRefusal =>
  refuseDatabase(
    'databaseNotDurable',
    `PostgreSQL runs with ${settings.join(' and ')} off, so a crash could lose backups. Turn this setting on for ` +
      'the server, this login and this database.',
  );

/** For a clock by which new backups may have expired as soon as the clock is right again. */
export const refuseClock = (): DatabaseRefusal =>
  refuseDatabase(
    'clockWentBack',
    'The clock of PostgreSQL is more than a day behind the time up to which expired files were removed. Set ' +
      'this clock by NTP. If it is right, run this as the owner of the database: ' +
      'UPDATE expiry_watch SET watched_to = now()',
  );

/** The refusal that an error is, or that it stands for. Undefined for any other error. */
export const refusalOf = (error: unknown): DatabaseRefusal | undefined => {
  if (error instanceof Error && error.name === NAME) return error as DatabaseRefusal;
  if (!(error instanceof DatabaseError)) return undefined;
  if (isPoolerRefusal(error)) return refusePooler();
  return isRowSecurity(error) ? refuseRowSecurity(error) : undefined;
};

const isPoolerRefusal = ({ code, message }: DatabaseError): boolean =>
  (code === '08P01' || code === '0A000') && POOLER_REFUSAL.test(message);

/**
 * Under `row_security = off`, PostgreSQL raises this error instead of hiding rows. Only one routine
 * raises it.
 */
const isRowSecurity = ({ code, routine }: DatabaseError): boolean =>
  code === '42501' && routine === 'check_enable_rls';

/** PostgreSQL's message names the table and no value of a row, so it may be shown. */
const refuseRowSecurity = ({ message }: DatabaseError): DatabaseRefusal =>
  refuseDatabase(
    'rowSecurity',
    `Row-level security would hide rows from Keepsake (${message}). Disable it for that table, or ` +
      `give BYPASSRLS to ${ACTING_ROLES.join(', ')}.`,
  );
