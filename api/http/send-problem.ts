import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { closeWith } from './lingering-close.ts';
import {
  invalidRequest,
  problem,
  type ProblemError,
  PROBLEMS,
  type ProblemSlug,
} from './problems.ts';

const PROBLEM_JSON = 'application/problem+json; charset=utf-8';

/** Codes of Node's errors that occur before there is a request. */
const BROKEN: Record<string, [ProblemSlug, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: [
    'headers-too-large',
    'The URL and the headers together are larger than 64 KiB.',
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [
    'body-too-large',
    'The extensions of an HTTP chunk are too large.',
  ],
};

/** Requests with an `Expect` that the server cannot meet. Node itself meets `100-continue`. */
const unmet = new WeakSet<IncomingMessage>();

/** The code of an error of Node, Fastify or PostgreSQL; empty where it has none. */
export const codeOf = (error: unknown): string => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

export const sendProblem = (
  request: FastifyRequest,
  reply: FastifyReply,
  answer: ProblemError,
): FastifyReply =>
  reply
    .code(answer.statusCode)
    .headers(answer.headers)
    .header('content-type', PROBLEM_JSON)
    // Set again here, because an error may come before the hooks of a request.
    .header('x-request-id', request.id)
    // Bypasses the response schema of the route: a problem has the same shape everywhere.
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(bodyOf(answer, request.id));

/**
 * Responds to an incomplete or broken HTTP request, if the connection still accepts a response, and
 * closes the connection.
 */
export const answerBroken = (error: Error, socket: Socket): void => {
  if (socket.destroyed || codeOf(error) === 'ECONNRESET') {
    socket.destroy(error);
    return;
  }
  const [slug, detail] = BROKEN[codeOf(error)] ?? [
    'invalid-request',
    'This is not a valid HTTP request.',
  ];
  const answer = problem(slug, detail);
  const requestId = randomUUID();
  const body = JSON.stringify(bodyOf(answer, requestId));
  const head = [
    `HTTP/1.1 ${answer.statusCode} ${STATUS_CODES[answer.statusCode]}`,
    `content-type: ${PROBLEM_JSON}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
  ];
  closeWith(socket, `${head.join('\r\n')}\r\n\r\n${body}`);
};

/**
 * Refuses a request of HTTP/1.1 without `Host`, and a request with an unknown `Expect`. Node would
 * answer both without a body, so its own check of `Host` must be off.
 */
export const requireHttpRules = (app: App): void => {
  app.server.on('checkExpectation', (request, response) => {
    unmet.add(request);
    app.server.emit('request', request, response);
  });
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.httpVersion === '1.1' && raw.headers.host === undefined) {
      throw invalidRequest([{ detail: 'is missing', pointer: 'host' }]);
    }
    if (!unmet.has(raw)) return;
    throw problem('expectation-failed', 'The server knows no expectation except 100-continue.');
  });
};

const bodyOf = ({ slug, statusCode, detail, errors, data }: ProblemError, requestId: string) => ({
  type: `/problems/${slug}`,
  title: PROBLEMS[slug].title,
  status: statusCode,
  detail,
  requestId,
  ...(errors.length > 0 && { errors }),
  ...(data !== undefined && { data }),
});
