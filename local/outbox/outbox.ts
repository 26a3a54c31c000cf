import { createHash, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { fastify, type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify';
import { openOutboxMails, type OutboxMails } from './outbox-mails.ts';
import { PAGE_SECURITY_POLICY, renderOutbox } from './outbox-page.ts';

const HOST = '127.0.0.1';
const STATUS_CODES = {
  invalid_idempotency_key: 400,
  validation_error: 422,
  invalid_idempotent_request: 409,
};
const LARGEST_MAIL_BYTES = 5 * 1024 * 1024;

export interface OutboxOptions {
  dataDir: string;
  port: number;
  /** The only key that is accepted for sending. */
  apiKey: string;
}

/** A running outbox: it has Resend's HTTP API, stores mails, and sends none. */
export interface Outbox {
  url: string;
  stop: () => Promise<void>;
}

/** Starts the outbox. Its mails are stored in `outbox.jsonl` in the data folder. */
export const startOutbox = async ({ dataDir, port, apiKey }: OutboxOptions): Promise<Outbox> => {
  const mails = openOutboxMails(join(dataDir, 'outbox.jsonl'));
  const app = fastify({ bodyLimit: LARGEST_MAIL_BYTES, forceCloseConnections: true });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const code = error.statusCode ?? 500;
    const name = code < 500 ? 'validation_error' : 'application_error';
    return reply.code(code).send(resendError(code, name, error.message));
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(resendError(404, 'not_found', 'The requested endpoint does not exist.')),
  );
  addRoutes(app, mails, apiKey);
  app.addHook('onClose', () => mails.close());
  const url = await app.listen({ host: HOST, port });
  return { url, stop: () => app.close() };
};

/** An error in Resend's format: https://resend.com/docs/api-reference/errors */
const resendError = (statusCode: number, name: string, message: string) => ({
  statusCode,
  name,
  message,
});

const addRoutes = (app: FastifyInstance, mails: OutboxMails, apiKey: string): void => {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
    if (isLocalName(request.headers.host)) done();
    else reply.code(403).send(resendError(403, 'forbidden', 'Only available on this machine.'));
  });

  app.get('/', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', PAGE_SECURITY_POLICY)
      .header('referrer-policy', 'no-referrer')
      .send(renderOutbox(mails.list())),
  );

  app.get('/emails', () => mails.list());

  app.post('/emails', (request, reply) => {
    const answer = acceptMail(request, mails, apiKey);
    return reply.code(answer.statusCode).send('id' in answer ? { id: answer.id } : answer);
  });
};

/**
 * Prevents DNS rebinding: a web site could point its own name at this machine and read the mails
 * through a visitor's browser.
 */
const isLocalName = (host: string | undefined): boolean =>
  /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host ?? '');

/** Accepts a mail: returns its id, or why it is refused. */
const acceptMail = (request: FastifyRequest, mails: OutboxMails, apiKey: string) => {
  const { authorization, 'idempotency-key': key } = request.headers;
  if (authorization === undefined) return resendError(401, 'missing_api_key', 'Missing API key.');
  if (!isKey(authorization, apiKey)) {
    return resendError(403, 'invalid_api_key', 'API key is invalid.');
  }
  const accepted = mails.accept(request.body, firstOf(key));
  if (accepted.status === 'accepted') return { statusCode: 200, id: accepted.id };
  return resendError(STATUS_CODES[accepted.name], accepted.name, accepted.message);
};

/** Compares hashes, which have equal lengths, so that the time reveals nothing about the key. */
const isKey = (authorization: string | undefined, apiKey: string): boolean =>
  timingSafeEqual(hashOf(authorization ?? ''), hashOf(`Bearer ${apiKey}`));

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

const firstOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
