import { ApplicationFailure } from '@temporalio/common';
import { DatabaseError } from 'pg';
import { expect, test } from 'vitest';
import { toFailure, tryAgain } from '../../activities/failures.ts';
import { toProblem } from '../../api/error-handler.ts';
import {
  isContended,
  isDatabaseAway,
  isDenied,
  isOfARow,
  mayBeOfARow,
  rowRefusalOf,
} from '../../db/connections/sql-states.ts';

/** An error as `pg` makes it from the answer of PostgreSQL. */
const databaseError = (facts: Partial<DatabaseError>): DatabaseError =>
  Object.assign(new DatabaseError('canary of a row', 0, 'error'), {
    severity: 'ERROR',
    routine: 'ExecConstraints',
    detail: 'Key (email)=(canary) already exists.',
    ...facts,
  });

const nodeError = (code: string, syscall?: string): Error =>
  Object.assign(new Error(`${code}: canary`), { code, syscall });

/** The problem of the API, the failure of the worker, and whether the failure is final. */
const verdictOf = (error: Error) => {
  const failure = toFailure(error) as ApplicationFailure;
  const { slug } = toProblem(error);
  return { slug, type: failure.type, isFinal: failure.nonRetryable ?? false };
};

const AWAY = { slug: 'database-unavailable', type: 'databaseUnavailable', isFinal: false };
const BUSY = { slug: 'busy', type: 'databaseBusy', isFinal: false };
const DENIED = { slug: 'database-denied', type: 'databaseRefused', isFinal: true };
const REFUSED = { slug: 'internal', type: 'databaseRefused', isFinal: true };
const UNKNOWN = { slug: 'internal', type: 'brokenOff', isFinal: false };

test.each([
  // Connection, login, database, resources, shutdown, disk.
  ...'08000 08001 08003 08004 08006 08P01 28000 28P01 3D000 53000 53100 53200 53300 53400'.split(
    ' ',
  ),
  ...'57000 57P01 57P02 57P03 57P04 57P05 58000 58030 58P01 58P02'.split(' '),
  // Read-only mode; a transaction that took too long.
  ...'25006 25P03 25P04'.split(' '),
])('SQLSTATE %s: the database is away, and the error is not of a row or statement', (code) => {
  const error = databaseError({ code });
  expect(verdictOf(error)).toEqual(AWAY);
  expect(isOfARow(error)).toBe(false);
});

test.each(['42501', '22023', '0A000', '42704', 'XX000', '55000', undefined])(
  'SQLSTATE %s in an error that ends or refuses the connection: the database is away',
  (code) => {
    for (const severity of ['FATAL', 'PANIC']) {
      const error = databaseError({ code, severity });
      expect(verdictOf(error)).toEqual(AWAY);
      expect(isOfARow(error)).toBe(false);
    }
  },
);

test.each([
  nodeError('ECONNREFUSED', 'connect'),
  nodeError('ENOENT', 'connect'),
  nodeError('EACCES', 'connect'),
  nodeError('EAI_AGAIN', 'getaddrinfo'),
  nodeError('ENOTFOUND', 'getaddrinfo'),
  nodeError('ECONNRESET', 'read'),
  nodeError('EPIPE', 'write'),
  nodeError('ETIMEDOUT', 'read'),
  nodeError('EHOSTUNREACH', 'read'),
  nodeError('CERT_HAS_EXPIRED'),
  nodeError('DEPTH_ZERO_SELF_SIGNED_CERT'),
  nodeError('ERR_TLS_CERT_ALTNAME_INVALID'),
  nodeError('INVALID_PURPOSE'),
  nodeError('PATH_LENGTH_EXCEEDED'),
  // Files of a certificate and a key that do not belong together, or are only half written.
  nodeError('ERR_OSSL_X509_KEY_VALUES_MISMATCH'),
  nodeError('ERR_OSSL_PEM_NO_START_LINE'),
  nodeError('ERR_OSSL_PEM_BAD_END_LINE'),
  nodeError('ERR_OSSL_ASN1_TOO_LONG'),
  nodeError('ERR_OSSL_UNSUPPORTED'),
  new AggregateError([nodeError('ECONNREFUSED', 'connect'), nodeError('ECONNREFUSED', 'connect')]),
  new Error('Connection terminated unexpectedly'),
  new Error('Connection terminated due to connection timeout'),
  new Error('timeout expired'),
  new Error('Client has encountered a connection error and is not queryable'),
  new Error('Client was closed and is not queryable'),
  new Error('Query read timeout'),
  new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'),
  new Error('The server does not support SSL connections'),
])('%o: the database is away', (error) => {
  expect(verdictOf(error)).toEqual(AWAY);
  expect(isOfARow(error)).toBe(false);
});

test('a pool without a free connection answers busy, and a step tries again', () => {
  const error = new Error('timeout exceeded when trying to connect');
  expect(verdictOf(error)).toEqual({ ...AWAY, slug: 'busy' });
  expect(toProblem(error).detail).toBe('All database connections are in use.');
});

test.each('40001 40P01 40000 40003 55P03 55006 57014'.split(' '))(
  'SQLSTATE %s: other work is in the way, and the work may be tried again',
  (code) => {
    const error = databaseError({ code, routine: 'ExecConstraints' });
    expect(verdictOf(error)).toEqual(BUSY);
    expect(isOfARow(error)).toBe(false);
  },
);

test.each('08006 28000 53100 25006 40001 40P01 55P03 55006 57014 57P01'.split(' '))(
  'SQLSTATE %s from a trigger is an error of its row, not of the server or of other work',
  (code) => {
    const error = databaseError({ code, routine: 'exec_stmt_raise' });
    expect(isOfARow(error)).toBe(true);
    expect([isDatabaseAway(error), isContended(error)]).toEqual([false, false]);
  },
);

test('a transaction that was restarted too often answers busy', () => {
  const error = Object.assign(new Error('over and over'), { code: '40001' });
  expect(toProblem(error).slug).toBe('busy');
});

test('the failure of another server that a trigger calls is not a failure of PostgreSQL itself', () => {
  const where = 'remote SQL command: SELECT 1';
  expect(isOfARow(databaseError({ code: '08006', where }))).toBe(true);
  expect(isDatabaseAway(databaseError({ code: '08006' }))).toBe(true);
});

test.each(
  '22001 22003 22P02 22012 23502 23503 23505 23514 23P01 44000 54000 54001 P0001 P0004 21000 38000 2F005 27000 MY001'.split(
    ' ',
  ),
)('SQLSTATE %s is an error of a row', (code) => {
  const error = databaseError({ code });
  expect(isOfARow(error)).toBe(true);
  expect(verdictOf(error)).toEqual(REFUSED);
});

test.each(
  '0A000 25001 25P02 26000 2D000 34000 3B001 3F000 42601 42703 42P01 42883 55000 HV000 XX000 XX001'.split(
    ' ',
  ),
)('SQLSTATE %s is an error of a statement, unless a function raised it for a row', (code) => {
  const error = databaseError({ code });
  expect(isOfARow(error)).toBe(false);
  expect(verdictOf(error)).toEqual(REFUSED);
  expect(isOfARow(databaseError({ code, routine: 'exec_stmt_raise' }))).toBe(true);
});

test('a missing grant is answered as database-denied', () => {
  for (const file of ['aclchk.c', 'rls.c', 'execMain.c', undefined]) {
    const error = databaseError({ code: '42501', file });
    expect(verdictOf(error)).toEqual(DENIED);
    expect(isDenied(error)).toBe(true);
  }
});

test.each(['md.c', 'fd.c', 'buffile.c', 'copydir.c', 'slru.c', 'xlog.c'])(
  'PostgreSQL may not access its own files (42501 from %s): the database is away, and no grant is missing',
  (file) => {
    const error = databaseError({ code: '42501', file });
    expect(verdictOf(error)).toEqual(AWAY);
    expect([mayBeOfARow(error), isDenied(error)]).toEqual([false, false]);
  },
);

test.each(['GetNewTransactionId', 'GetNewMultiXactId'])(
  'PostgreSQL assigns no new ids (54000 from %s): the database is away, and no row is refused',
  (routine) => {
    const error = databaseError({ code: '54000', routine });
    expect(verdictOf(error)).toEqual(AWAY);
    expect(mayBeOfARow(error)).toBe(false);
  },
);

test("Keepsake's own codes are not errors of a row, although a function raises them", () => {
  const raised = { routine: 'exec_stmt_raise' };
  expect(isOfARow(databaseError({ code: 'KS003', ...raised }))).toBe(false);
  expect(verdictOf(databaseError({ code: 'KS006', ...raised })).slug).toBe('gone');
  expect(verdictOf(databaseError({ code: 'KS005', ...raised })).type).toBe('othersWouldGo');
});

test.each([new Error('a bug'), nodeError('ENOENT', 'open'), new TypeError('undefined is not')])(
  '%o is not an error of the database',
  (error) => {
    expect(verdictOf(error)).toEqual(UNKNOWN);
  },
);

test('error messages have names of constraints and columns, but no values', () => {
  const found = { code: '23505', constraint: 'users_email', table: 'users' };
  expect(rowRefusalOf(databaseError(found))).toContain('SQLSTATE 23505, constraint users_email');
  expect(rowRefusalOf(databaseError({ code: '23502', column: 'plan' }))).toContain('column plan');
  const raised = { routine: 'exec_stmt_raise', constraint: 'canary', column: 'canary' };
  const told = [found, { code: 'P0001', ...raised }].flatMap((facts) => {
    const error = databaseError(facts);
    return [rowRefusalOf(error), toFailure(error).message, toProblem(error).detail];
  });
  expect(told.join('\n')).not.toContain('canary');
});

test('a step that must not end is tried again after errors of the database, and ends for other failures', () => {
  const refused = tryAgain(toFailure(databaseError({ code: '42P01' }))) as ApplicationFailure;
  expect(refused).toMatchObject({ type: 'databaseRefused', nonRetryable: false });
  const ended = ApplicationFailure.nonRetryable('There is no job.', 'jobNotRunning');
  expect(tryAgain(ended)).toBe(ended);
});
