import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { problem } from '../http/problems.ts';
import { isSafe } from './own-site.ts';

/** Separates this signature from any other use of a session's id. */
const CONTEXT = 'keepsake csrf token v1';

/**
 * The token that unsafe requests of a session send. It is derived from the session's id, so it is
 * not stored, and a page that knows the token does not know the id.
 */
export const csrfTokenOf = (sessionId: string): string =>
  createHmac('sha256', sessionId).update(CONTEXT).digest('base64url');

/**
 * A read needs no token, but a wrong one is refused: then the page of one person would show what
 * another person sees, who has signed in since in the same browser.
 *
 * @throws ProblemError `csrf-token-invalid` if the request does not have the token
 */
export const requireCsrfToken = (request: FastifyRequest, token: string): void => {
  const given = request.headers['x-csrf-token'];
  if (given === undefined) {
    if (isSafe(request)) return;
    throw problem('csrf-token-invalid', 'The request uses a session, but has no X-CSRF-Token.');
  }
  if (isSame(String(given), token)) return;
  throw problem('csrf-token-invalid', 'X-CSRF-Token is not the token of this session.');
};

/** Takes the same time for each wrong token of the same length. */
const isSame = (given: string, token: string): boolean => {
  const [one, other] = [Buffer.from(given), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
};
