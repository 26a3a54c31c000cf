import { DatabaseError } from 'pg';

/**
 * The meaning of PostgreSQL's errors: one list for API and worker. The codes are from
 * https://www.postgresql.org/docs/current/errcodes-appendix.html.
 */

/**
 * The server does no work for now. 08: connection; 28: login; 3D: no such database; 53: out of
 * disk, memory or connections; 57P: shut down or starting; 58: its disk; 25006: read-only; 25P03,
 * 25P04: a transaction exceeded its timeout; 57000: operator intervention.
 */
const AWAY = /^(?:08|28|3D|53|57P|58)|^(?:25006|25P03|25P04|57000)$/;

/**
 * Other work was in the way. 40: the transaction was rolled back; the rest: a lock was not
 * available, an object was in use, or the statement was cancelled.
 */
const CONTENDED = /^40|^(?:55P03|55006|57014)$/;

/**
 * The statement, the schema or the server is wrong, whatever the rows. 0A: not supported; 25, 2D,
 * 3B: transaction; 26, 34: names of statements and cursors; 0B, 2B, 3F, 42, 55: syntax, names,
 * grants and object state; F0, HV: configuration, foreign servers; XX: internal error; KS:
 * Keepsake's own. Any other code depends on values or comes from a trigger, so it concerns a row.
 */
const OF_A_STATEMENT = /^(?:0A|0B|25|26|2B|2D|34|3B|3F|42|55|F0|HV|XX|KS)/;

/** Permission denied, or row-level security would hide rows. */
const DENIED = '42501';
/**
 * Files of PostgreSQL's source that access its own files. There the same code means that the
 * operating system denies the access, as on a read-only disk.
 */
const ACCESSES_FILES = /^(?:buffile|copydir|fd|md|slru|xlog)\.c$/;

/** A limit of PostgreSQL is exceeded. */
const LIMIT_EXCEEDED = '54000';
/** Routines that raise it for every write, until VACUUM has made ids free. */
const ASSIGNS_IDS = /^GetNew(?:TransactionId|MultiXactId)$/;

/**
 * Severities of errors that end or refuse a connection. Such an error does not concern the
 * statement.
 */
const ENDS_CONNECTION: readonly (string | undefined)[] = ['FATAL', 'PANIC'];

const SOCKET =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_[A-Z]+|E(?:HOST|NET)(?:UNREACH|DOWN))$/;
/**
 * A certificate that has expired, or that is about to be replaced. OSSL: a file that is only partly
 * written or replaced. Nothing else in Keepsake raises these codes in a request or step.
 */
const TLS =
  /^(?:EPROTO$|ERR_(?:TLS|SSL|OSSL)_|CERT_|UNABLE_TO_|(?:DEPTH_ZERO_)?SELF_SIGNED_|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$)/;
/** Messages of `pg` and of new-client.ts that have no code. */
const DRIVER =
  /^(?:Cannot read a certificate|timeout expired|timeout exceeded when trying|Connection terminated|Cannot use a pool after|Client (?:has encountered|was closed)|Query read timeout|The server does not support SSL|There was an error establishing an SSL|SASL: )/;

/** 28: login; 3D: no such database. */
const REFUSES_LOGIN = /^(?:28|3D)/;
/** SASL is the exchange of the password. Otherwise a file is missing, or the server has no TLS. */
const REFUSES_CLIENT = /^(?:SASL: |Cannot read a certificate|The server does not support SSL)/;

/**
 * Matches the name of a function, in every language of the server's messages. The rest of the
 * context is not used: it may quote a row.
 */
const RAISED_BY = /^PL\/pgSQL\S*(?: \S+)? ([\w.$]+)\([^()]*\)/m;

/** States why a row was not written although no error was raised. */
export const KEPT_BACK = 'a trigger of the database prevents the change';

export const endsConnection = ({ severity }: DatabaseError): boolean =>
  ENDS_CONNECTION.includes(severity);

/**
 * Whether PostgreSQL is down, starting, stopping, full or read-only, or accepts no login for now.
 */
export const isDatabaseAway = (error: unknown): boolean => {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  if (!(error instanceof DatabaseError)) return error instanceof Error && isConnectionError(error);
  const { code } = error;
  // An error of the driver has no code: the bytes were not a message of PostgreSQL.
  if (code === undefined || endsConnection(error)) return true;
  return isUnwritable(error) || (AWAY.test(code) && !isOfATrigger(error));
};

/**
 * Whether PostgreSQL answers but refuses this login, so that waiting does not help. At the start of
 * a process this means a wrong setting. Later it may be a password that is being changed.
 */
export const isLoginRefused = (error: unknown): error is Error =>
  error instanceof DatabaseError
    ? REFUSES_LOGIN.test(codeOf(error))
    : error instanceof Error && (REFUSES_CLIENT.test(error.message) || TLS.test(codeOf(error)));

/** Whether other work was in the way, so that the same statement may be tried again. */
export const isContended = (error: unknown): boolean =>
  CONTENDED.test(codeOf(error)) && !(error instanceof DatabaseError && isRaised(error));

/**
 * Whether PostgreSQL rolled back the transaction in favour of another one. It may be begun anew.
 */
export const isRolledBack = (error: unknown): boolean =>
  error instanceof DatabaseError && isContended(error) && codeOf(error).startsWith('40');

/** Whether the role lacks a grant, or row-level security was switched on. */
export const isDenied = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === DENIED && !isDatabaseAway(error);

/**
 * Whether an error may concern a row although its code is a statement's. Once PostgreSQL has
 * accepted a statement, input functions and foreign triggers raise errors about its values.
 */
export const mayBeOfARow = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError &&
  !isDatabaseAway(error) &&
  !isContended(error) &&
  !codeOf(error).startsWith('KS');

/** Whether PostgreSQL refused a statement because of a row that it was to write. */
export const isOfARow = (error: unknown): error is DatabaseError =>
  mayBeOfARow(error) && (!OF_A_STATEMENT.test(codeOf(error)) || isRaised(error));

/** Whether a second row has a key that must be unique. */
export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === '23505';

/** Whether all connections of a pool are in use, and none was released in time. */
export const isPoolExhausted = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('timeout exceeded when trying to connect');

/** Whether a statement exceeded its timeout, or was cancelled. */
export const isTooSlow = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === '57014';

/**
 * Whether the lock table is full. The code is that of memory too, so the hint must name the
 * setting.
 */
export const isOutOfLocks = (error: unknown): boolean =>
  error instanceof DatabaseError &&
  error.code === '53200' &&
  error.hint?.includes('max_locks_per_transaction') === true;

/**
 * The code and the names of the constraint, function or column that refused. PostgreSQL's own text
 * is not used: it may quote a row. Names set by RAISE are not used either: they may be values.
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

/** The reason in an outcome of a row: the constraint, or the code. */
export const reasonOf = (error: DatabaseError): string =>
  error.constraint === undefined || isRaised(error)
    ? namesOf(error)
    : `constraint ${error.constraint}`;

/** States why a row was refused, without the row's values. */
export const rowRefusalOf = (error: DatabaseError): string =>
  `the database refused it: ${namesOf(error)}`;

const isConnectionError = (error: Error): boolean => {
  const { syscall } = error as NodeJS.ErrnoException;
  const code = codeOf(error);
  return syscall === 'connect' || SOCKET.test(code) || TLS.test(code) || DRIVER.test(error.message);
};

const codeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

/**
 * Whether PostgreSQL cannot access its files or assign ids. The codes alone have other meanings.
 */
const isUnwritable = ({ code, file = '', routine = '' }: DatabaseError): boolean =>
  (code === DENIED && ACCESSES_FILES.test(file)) ||
  (code === LIMIT_EXCEEDED && ASSIGNS_IDS.test(routine));

/**
 * Whether foreign code failed within a statement: by RAISE, or in its own connection to another
 * server (08).
 */
const isOfATrigger = (error: DatabaseError): boolean =>
  isRaised(error) || (codeOf(error).startsWith('08') && error.where !== undefined);

/** Whether RAISE in PL/pgSQL raised the error. Its author may have chosen any code. */
const isRaised = ({ routine }: DatabaseError): boolean => routine === 'exec_stmt_raise';

/** The trigger function that raised an error. Undefined if PostgreSQL itself raised it. */
const functionOf = ({ where = '' }: DatabaseError): string | undefined =>
  RAISED_BY.exec(where)?.[1];
