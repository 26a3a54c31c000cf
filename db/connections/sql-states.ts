import { DatabaseError } from 'pg';

/**
 * What an error of PostgreSQL means: the one list, for API and worker alike. The codes are those of
 * https://www.postgresql.org/docs/current/errcodes-appendix.html.
 */

/**
 * PostgreSQL takes nothing for now. 08: connection; 28: login; 3D: no such database; 53: out of
 * disk, memory or connections; 57P: shut down or starting; 58: its disk; 25006: read-only; 25P03,
 * 25P04: it ended a transaction that took too long.
 */
const AWAY = /^(?:08|28|3D|53|57P|58)|^(?:25006|25P03|25P04|57000)$/;

/**
 * Other work was in the way. 40: rolled back for its sake; the rest: lock, object, or time ran out.
 */
const CONTENDED = /^40|^(?:55P03|55006|57014)$/;

/**
 * The statement, the schema or the server is wrong, whatever the rows. 0A: not supported; 25, 2D,
 * 3B: transaction; 26, 34: names of statements and cursors; 0B, 2B, 3F, 42, 55: syntax, names,
 * grants and state of what it is about; F0, HV: configuration, foreign servers; XX: broken inside;
 * KS: Keepsake's own. What is not listed depends on values, or comes from a trigger's code: it is a
 * row's.
 */
const OF_A_STATEMENT = /^(?:0A|0B|25|26|2B|2D|34|3B|3F|42|55|F0|HV|XX|KS)/;

/** Permission denied, or row-level security would hide rows. */
const DENIED = '42501';

/** Errors that end a connection, or refuse it, say nothing of the statement. */
const ENDS_CONNECTION: readonly (string | undefined)[] = ['FATAL', 'PANIC'];

export const endsConnection = ({ severity }: DatabaseError): boolean =>
  ENDS_CONNECTION.includes(severity);

const SOCKET =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_[A-Z]+|E(?:HOST|NET)(?:UNREACH|DOWN))$/;
/** A certificate that has expired, or is about to be replaced. */
const TLS = /^(?:EPROTO$|ERR_(?:TLS|SSL)_|CERT_|UNABLE_TO_|(?:DEPTH_ZERO_)?SELF_SIGNED_)/;
/** Messages of `pg`, which gives them no code. */
const DRIVER =
  /^(?:timeout expired|timeout exceeded when trying|Connection terminated|Cannot use a pool after|Client (?:has encountered|was closed)|Query read timeout|The server does not support SSL|There was an error establishing an SSL|SASL: )/;

const codeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

const isConnectionError = (error: Error): boolean => {
  const { syscall } = error as NodeJS.ErrnoException;
  const code = codeOf(error);
  return syscall === 'connect' || SOCKET.test(code) || TLS.test(code) || DRIVER.test(error.message);
};

/** RAISE in PL/pgSQL takes whatever code its author chose. */
const isRaised = ({ routine }: DatabaseError): boolean => routine === 'exec_stmt_raise';

/**
 * Whether code of others failed within a statement: by RAISE, or as it asked another server (08).
 */
const isOfATrigger = (error: DatabaseError): boolean =>
  isRaised(error) || (codeOf(error).startsWith('08') && error.where !== undefined);

/** Whether PostgreSQL is away, starting, stopping, full, read-only, or lets nobody in for now. */
export const isDatabaseAway = (error: unknown): boolean => {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  if (!(error instanceof DatabaseError)) return error instanceof Error && isConnectionError(error);
  const { code } = error;
  // Without a code it is the driver's, about bytes that are no message of PostgreSQL.
  if (code === undefined || endsConnection(error)) return true;
  return AWAY.test(code) && !isOfATrigger(error);
};

/** 28: login; 3D: no such database. */
const REFUSES_LOGIN = /^(?:28|3D)/;
/** SASL is how a password is told; the server has no TLS, or a wrong certificate. */
const REFUSES_CLIENT = /^(?:SASL: |The server does not support SSL)/;

/**
 * Whether PostgreSQL answers, and lets this login in neither now nor by waiting. At the start of a
 * process that is a wrong setting; later it may be a password that is just being changed.
 */
export const isLoginRefused = (error: unknown): error is Error =>
  error instanceof DatabaseError
    ? REFUSES_LOGIN.test(codeOf(error))
    : error instanceof Error && (REFUSES_CLIENT.test(error.message) || TLS.test(codeOf(error)));

/** Whether other work was in the way; the same may be tried again. */
export const isContended = (error: unknown): boolean =>
  CONTENDED.test(codeOf(error)) && !(error instanceof DatabaseError && isRaised(error));

/** Whether a transaction was sacrificed to another one, and may simply be begun anew. */
export const isRolledBack = (error: unknown): boolean =>
  error instanceof DatabaseError && isContended(error) && codeOf(error).startsWith('40');

/** Whether the role lacks a grant, or row-level security was switched on. */
export const isDenied = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === DENIED;

/**
 * Whether an error may be a row's though its code is a statement's: once PostgreSQL has taken a
 * statement, what its input functions and the triggers of others raise is about the values.
 */
export const mayBeOfARow = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError &&
  !isDatabaseAway(error) &&
  !isContended(error) &&
  !codeOf(error).startsWith('KS');

/** Whether PostgreSQL refused a statement for the sake of a row it was to write. */
export const isOfARow = (error: unknown): error is DatabaseError =>
  mayBeOfARow(error) && (!OF_A_STATEMENT.test(codeOf(error)) || isRaised(error));

/** Whether all connections of a pool are lent, and none was given back in time. */
export const isPoolExhausted = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('timeout exceeded when trying to connect');

/** Whether a statement took longer than it may, or somebody ended it. */
export const isTooSlow = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === '57014';

/**
 * Whether there is no room for another lock. The code is that of memory, too; the hint names the
 * setting.
 */
export const isOutOfLocks = (error: unknown): boolean =>
  error instanceof DatabaseError &&
  error.code === '53200' &&
  error.hint?.includes('max_locks_per_transaction') === true;

/** Names a function in every language. Nothing else of the context is told: it may quote a row. */
const RAISED_BY = /^PL\/pgSQL\S*(?: \S+)? ([\w.$]+)\([^()]*\)/m;

/** The function of a trigger in which an error was raised; none where PostgreSQL itself met it. */
const functionOf = ({ where = '' }: DatabaseError): string | undefined =>
  RAISED_BY.exec(where)?.[1];

/**
 * Code and names of what refused, and nothing of PostgreSQL's own text, which may quote a row. What
 * RAISE names may be a value, too.
 */
export const namesOf = (error: DatabaseError): string => {
  const { code, constraint, column } = error;
  const name = functionOf(error);
  const raised = name === undefined ? 'raised by a trigger or function' : `raised by ${name}()`;
  if (isRaised(error)) return `SQLSTATE ${code}, ${raised}`;
  if (constraint !== undefined) return `SQLSTATE ${code}, constraint ${constraint}`;
  if (name !== undefined) return `SQLSTATE ${code}, ${raised}`;
  return `SQLSTATE ${code}${column === undefined ? '' : `, column ${column}`}`;
};

/** The reason that an outcome gives for a row: the constraint, or the code. */
export const reasonOf = (error: DatabaseError): string =>
  error.constraint === undefined || isRaised(error)
    ? namesOf(error)
    : `constraint ${error.constraint}`;

/** Says why a row was refused, without what stands in it. */
export const rowRefusalOf = (error: DatabaseError): string =>
  `the database refused it: ${namesOf(error)}`;

/** Says why a row was not written though nothing was raised. */
export const KEPT_BACK = 'a trigger of the database keeps it back';
