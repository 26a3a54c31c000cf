import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { describeNearlyEveryone, nearlyEveryoneOf } from '../db/deletions/nearly-everyone.ts';
import { refusalOf } from '../db/connections/refusal.ts';
import { isShareExceeded } from '../db/connections/fair-pool.ts';
import {
  isContended,
  isDatabaseAway,
  isDenied,
  isPoolExhausted,
  isTooSlow,
} from '../db/connections/sql-states.ts';
import { isProblem, problem, type ProblemError, type ProblemSlug } from './http/problems.ts';
import { codeOf, sendProblem } from './http/send-problem.ts';

/**
 * What Fastify and Node call the errors they find before a handler runs, and our own database code.
 */
const BY_CODE: Record<string, [ProblemSlug, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'The body is larger than this path allows.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported-media-type',
    'This path reads application/json only.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'invalid-request',
    'The body is not as long as Content-Length says.',
  ],
  FST_ERR_BAD_URL: ['invalid-request', 'The path is not properly percent-encoded.'],
  FST_ERR_MAX_PARAM_LENGTH: ['uri-too-long', 'A part of the path is too long.'],
  FST_ERR_ASYNC_CONSTRAINT: ['not-found', 'There is no such path.'],
  // Raised by the database for a job that would begin from what has just been removed.
  KS006: ['gone', 'What this needs has been removed and is gone for good.'],
};

/** What the database's errors come to, by the list that the worker goes by, too. */
const databaseProblem = (error: Error): ProblemError | undefined => {
  if (isShareExceeded(error)) {
    return problem(
      'busy',
      'Other requests of the same workspace take all the connections to the database that it may have.',
    );
  }
  if (isPoolExhausted(error)) {
    return problem('busy', 'All connections to the database are in use; the database is there.');
  }
  if (isTooSlow(error)) {
    return problem(
      'busy',
      'The database took too long for this. Look whether it was done before you send it again.',
    );
  }
  if (isDatabaseAway(error)) {
    return problem('database-unavailable', 'PostgreSQL is away, or accepts no work for now.');
  }
  if (isContended(error)) {
    return problem(
      'busy',
      'Other work holds what this needs. Wait a little, and look whether it was done before you send it again.',
    );
  }
  if (isDenied(error)) {
    return problem('database-denied', 'PostgreSQL denies the service what this needs.');
  }
  return undefined;
};

/** Turns whatever was thrown into one of the catalogue's problems. */
export const toProblem = (error: Error): ProblemError => {
  if (isProblem(error)) return error;
  const refusal = refusalOf(error);
  if (refusal !== undefined) return problem('database-unfit', refusal.message);
  const refused = nearlyEveryoneOf(error);
  if (refused !== undefined) {
    return problem('delete-all-required', describeNearlyEveryone(refused));
  }
  const known = BY_CODE[codeOf(error)];
  if (known !== undefined) return problem(known[0], known[1]);
  if (error.name === 'StorageError') {
    return problem(
      'storage-unavailable',
      'The storage is full or away; the file could not be kept or read.',
    );
  }
  const answer = databaseProblem(error);
  if (answer !== undefined) return answer;
  const { statusCode } = error as FastifyError;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problem('invalid-request', 'The request could not be read.');
  }
  return problem('internal', 'The request failed for a reason on our side.');
};

/** A part that is away is told in a line; what is our fault with all there is to find it. */
const logFailure = (error: Error, answer: ProblemError, request: FastifyRequest): void => {
  const cause = isProblem(error) ? error.cause : error;
  const details = { problem: answer.slug, ...(cause instanceof Error && { err: cause }) };
  if (answer.slug === 'internal') request.log.error(details, answer.detail);
  else request.log.warn(details, answer.detail);
};

/**
 * The one place where an error becomes an answer; what is our fault is logged with the request's
 * id.
 */
export const handleError = (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
  const answer = toProblem(error);
  if (answer.statusCode >= 500) logFailure(error, answer, request);
  void sendProblem(request, reply, answer);
};
