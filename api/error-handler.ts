import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { nearlyEveryoneOf } from '../db/deletions/nearly-everyone.ts';
import { refusalOf } from '../db/connections/refusal.ts';
import { isShareExceeded } from '../db/connections/fair-pool.ts';
import {
  isContended,
  isDatabaseAway,
  isDenied,
  isPoolExhausted,
  isTooSlow,
} from '../db/connections/sql-states.ts';
import { describeNearlyEveryone, figuresOfNearlyEveryone } from '../rules/nearly-everyone.ts';
import { isProblem, problem, type ProblemError, type ProblemSlug } from './http/problems.ts';
import { codeOf, sendProblem } from './http/send-problem.ts';

/**
 * Codes of errors that Fastify and Node raise before a handler runs, and a code of our database.
 */
const BY_CODE: Record<string, [ProblemSlug, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'The body is larger than this path allows.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    'This path accepts application/json only.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'invalid-request',
    'The length of the body differs from Content-Length.',
  ],
  FST_ERR_BAD_URL: ['invalid-request', 'The percent-encoding of the path is not valid.'],
  FST_ERR_MAX_PARAM_LENGTH: ['uri-too-long', 'A part of the path is too long.'],
  FST_ERR_ASYNC_CONSTRAINT: ['not-found', 'This path does not exist.'],
  // Raised by the database for a job that needs data that has just been removed.
  KS006: ['gone', 'The data that this job needs was removed permanently.'],
};

/** Turns any thrown error into a problem of the catalogue. */
export const toProblem = (error: Error): ProblemError => {
  if (isProblem(error)) return error;
  const refusal = refusalOf(error);
  if (refusal !== undefined) return problem('database-unfit', refusal.message);
  const refused = nearlyEveryoneOf(error);
  if (refused !== undefined) {
    return problem('delete-all-required', describeNearlyEveryone(refused), {
      data: figuresOfNearlyEveryone(refused),
    });
  }
  const known = BY_CODE[codeOf(error)];
  if (known !== undefined) return problem(known[0], known[1]);
  if (error.name === 'StorageError') {
    return problem(
      'storage-unavailable',
      'The storage is full or not available. The file could not be stored or read.',
    );
  }
  const answer = databaseProblem(error);
  if (answer !== undefined) return answer;
  const { statusCode } = error as FastifyError;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problem('invalid-request', 'The request could not be read.');
  }
  return problem('internal', 'The request failed because of an internal error.');
};

/**
 * The only place where an error becomes a response. Server errors are logged with the request id.
 */
export const handleError = (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
  const answer = toProblem(error);
  if (answer.statusCode >= 500) logFailure(error, answer, request);
  void sendProblem(request, reply, answer);
};

/** The problem for a database error, by the same list as in the worker. */
const databaseProblem = (error: Error): ProblemError | undefined => {
  if (isShareExceeded(error)) {
    return problem(
      'busy',
      'Other requests of the same workspace use all its database connections.',
    );
  }
  if (isPoolExhausted(error)) {
    return problem('busy', 'All database connections are in use.');
  }
  if (isTooSlow(error)) {
    return problem(
      'busy',
      'The database took too long. Check whether the request took effect before you send it again.',
    );
  }
  if (isDatabaseAway(error)) {
    return problem(
      'database-unavailable',
      'PostgreSQL is not available, or accepts no work at present.',
    );
  }
  if (isContended(error)) {
    return problem(
      'busy',
      'Other work holds a lock that this request needs. Wait a little. Then check whether the request took effect before you send it again.',
    );
  }
  if (isDenied(error)) {
    return problem(
      'database-denied',
      'PostgreSQL denies the service a right that this request needs.',
    );
  }
  return undefined;
};

/** Logs an unavailable part as a warning, and an internal error with its cause. */
const logFailure = (error: Error, answer: ProblemError, request: FastifyRequest): void => {
  const cause = isProblem(error) ? error.cause : error;
  const details = { problem: answer.slug, ...(cause instanceof Error && { err: cause }) };
  if (answer.slug === 'internal') request.log.error(details, answer.detail);
  else request.log.warn(details, answer.detail);
};
