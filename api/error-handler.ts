import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
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
import { closeWith } from './http/lingering-close.ts';
import {
  isProblem,
  problem,
  type ProblemError,
  PROBLEMS,
  type ProblemSlug,
} from './http/problems.ts';

const PROBLEM_JSON = 'application/problem+json; charset=utf-8';

/** What Fastify and Node call the errors they find before a handler runs, and our own database code. */
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

const codeOf = (error: unknown): string => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
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

const bodyOf = ({ slug, statusCode, detail, errors }: ProblemError, requestId: string) => ({
  type: `/problems/${slug}`,
  title: PROBLEMS[slug].title,
  status: statusCode,
  detail,
  requestId,
  ...(errors.length > 0 && { errors }),
});

export const sendProblem = (
  request: FastifyRequest,
  reply: FastifyReply,
  answer: ProblemError,
): FastifyReply =>
  reply
    .code(answer.statusCode)
    .headers(answer.headers)
    .header('content-type', PROBLEM_JSON)
    // Past the route's own response schema: a problem has one shape everywhere.
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(bodyOf(answer, request.id));

/** What Node calls the errors it finds before there is a request. */
const BROKEN: Record<string, [ProblemSlug, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'Address and headers are larger than 64 KiB.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['body-too-large', 'The extensions of a chunk are too large.'],
};

/** Answers what is no whole HTTP request, as far as its connection still takes an answer, and closes it. */
export const answerBroken = (error: Error, socket: Socket): void => {
  if (socket.destroyed || codeOf(error) === 'ECONNRESET') {
    socket.destroy(error);
    return;
  }
  const [slug, detail] = BROKEN[codeOf(error)] ?? ['invalid-request', 'This is no HTTP request.'];
  const answer = problem(slug, detail);
  const body = JSON.stringify(bodyOf(answer, randomUUID()));
  const head = [
    `HTTP/1.1 ${answer.statusCode} ${STATUS_CODES[answer.statusCode]}`,
    `content-type: ${PROBLEM_JSON}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  closeWith(socket, `${head.join('\r\n')}\r\n\r\n${body}`);
};

/** A part that is away is told in a line; what is our fault with all there is to find it. */
const logFailure = (error: Error, answer: ProblemError, request: FastifyRequest): void => {
  const cause = isProblem(error) ? error.cause : error;
  const details = { problem: answer.slug, ...(cause instanceof Error && { err: cause }) };
  if (answer.slug === 'internal') request.log.error(details, answer.detail);
  else request.log.warn(details, answer.detail);
};

/** The one place where an error becomes an answer; what is our fault is logged with the request's id. */
export const handleError = (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
  const answer = toProblem(error);
  if (answer.statusCode >= 500) logFailure(error, answer, request);
  void sendProblem(request, reply, answer);
};
