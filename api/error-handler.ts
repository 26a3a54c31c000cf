import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isProblem, problem, type ProblemError, PROBLEMS, type ProblemSlug } from './problems.ts';

const PROBLEM_JSON = 'application/problem+json; charset=utf-8';

/** What Fastify and Node call the errors they find before a handler runs. */
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
};

/** SQLSTATEs and Node errors that say that PostgreSQL is away, starting, stopping or full. */
const DATABASE_AWAY =
  /^(?:08...|57P0[1-4]|53300|E(?:CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|NOTFOUND|HOSTUNREACH|NETUNREACH|AI_AGAIN))$/;
/** Messages of `pg`, which gives them no code. */
const CONNECTION_LOST =
  /timeout exceeded when trying to connect|Connection terminated|Cannot use a pool after|Client has encountered a connection error/;
const LOCK_OR_TIME = /^(?:55P03|57014|40001|40P01)$/;

const codeOf = (error: unknown): string => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

const isDatabaseAway = (error: Error): boolean =>
  DATABASE_AWAY.test(codeOf(error)) ||
  CONNECTION_LOST.test(error.message) ||
  (error instanceof AggregateError &&
    error.errors.some((inner) => DATABASE_AWAY.test(codeOf(inner))));

/** Turns whatever was thrown into one of the catalogue's problems. */
export const toProblem = (error: Error): ProblemError => {
  if (isProblem(error)) return error;
  const known = BY_CODE[codeOf(error)];
  if (known !== undefined) return problem(known[0], known[1]);
  if (error.name === 'StorageError') {
    return problem('storage-unavailable', 'The file could not be read from storage.');
  }
  if (isDatabaseAway(error)) {
    return problem('database-unavailable', 'PostgreSQL does not answer; nothing was changed.');
  }
  if (LOCK_OR_TIME.test(codeOf(error))) {
    return problem('busy', 'Other work holds what this needs; nothing was changed.');
  }
  const { statusCode } = error as FastifyError;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problem('invalid-request', 'The request could not be read.');
  }
  return problem('internal', 'The request failed for a reason on our side.');
};

export const sendProblem = (
  request: FastifyRequest,
  reply: FastifyReply,
  { slug, statusCode, detail, errors, headers }: ProblemError,
): FastifyReply => {
  const body = {
    type: `/problems/${slug}`,
    title: PROBLEMS[slug].title,
    status: statusCode,
    detail,
    requestId: request.id,
    ...(errors.length > 0 && { errors }),
  };
  return (
    reply
      .code(statusCode)
      .headers(headers)
      .header('content-type', PROBLEM_JSON)
      // Past the route's own response schema: a problem has one shape everywhere.
      .serializer((payload: unknown) => JSON.stringify(payload))
      .send(body)
  );
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
