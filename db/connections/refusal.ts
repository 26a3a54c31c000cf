import { DatabaseError } from 'pg';
import { ACTING_ROLES } from '../roles.ts';

/** Why Keepsake does not work on a database, or over a connection, that answers. */
export type RefusalCode =
  | 'connectionUnfit'
  | 'clocksDiffer'
  | 'databaseNotDurable'
  | 'loginRefused'
  | 'rowSecurity'
  | 'schemaMissing'
  | 'schemaOutdated';

/**
 * `message` is one sentence: what is wrong, and what to do. It holds names and settings, no row.
 */
export interface DatabaseRefusal extends Error {
  code: RefusalCode;
}

const NAME = 'DatabaseRefusal';

/** Makes an error to throw. */
export const refuseDatabase = (code: RefusalCode, message: string): DatabaseRefusal =>
  Object.assign(new Error(message), { name: NAME, code });

/** Thrown where something other than PostgreSQL answers. */
export const refusePooler = (): DatabaseRefusal =>
  refuseDatabase(
    'connectionUnfit',
    'A connection pooler such as PgBouncer responds instead of PostgreSQL, and drops or shares the ' +
      'settings of a connection. Set DATABASE_URL to the host and port of PostgreSQL itself.',
  );

/** Thrown where the server may forget what it has acknowledged. */
export const refuseForgetful = (settings: readonly string[]): DatabaseRefusal =>
  refuseDatabase(
    'databaseNotDurable',
    `PostgreSQL runs with ${settings.join(' and ')} off, so a crash could lose backups. Turn it on, also for ` +
      'this login and database.',
  );

/**
 * How PgBouncer and RDS Proxy refuse a client that sets options; neither translates its messages.
 */
const POOLER_REFUSAL =
  /unsupported (?:options )?startup parameter|doesn't support command-line options/;

const isPoolerRefusal = ({ code, message }: DatabaseError): boolean =>
  (code === '08P01' || code === '0A000') && POOLER_REFUSAL.test(message);

/** Under `row_security = off` PostgreSQL raises this instead of hiding rows, from one place. */
const isRowSecurity = ({ code, routine }: DatabaseError): boolean =>
  code === '42501' && routine === 'check_enable_rls';

/** PostgreSQL's text names the table, and nothing of a row. */
const refuseRowSecurity = ({ message }: DatabaseError): DatabaseRefusal =>
  refuseDatabase(
    'rowSecurity',
    `Row-level security would hide rows from Keepsake (${message}). Switch it off for that table, or ` +
      `give BYPASSRLS to ${ACTING_ROLES.join(', ')}.`,
  );

/** The refusal that an error is or stands for; undefined of any other error. */
export const refusalOf = (error: unknown): DatabaseRefusal | undefined => {
  if (error instanceof Error && error.name === NAME) return error as DatabaseRefusal;
  if (!(error instanceof DatabaseError)) return undefined;
  if (isPoolerRefusal(error)) return refusePooler();
  return isRowSecurity(error) ? refuseRowSecurity(error) : undefined;
};
