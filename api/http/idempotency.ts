import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { routeOf } from './logging.ts';
import { invalidRequest } from './problems.ts';

/** 1 to 255 visible ASCII characters. */
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

/** JSON with the names of each object in order, so that equal values give equal text. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? '';

/** What makes two requests the same: method, route, and what came in path, query and body. */
export const requestHashOf = (request: FastifyRequest, body: unknown = request.body): string => {
  const { method, params, query } = request;
  return createHash('sha256')
    .update(canonical([method, routeOf(request), params, query, body ?? null]))
    .digest('hex');
};

/**
 * The request's idempotency key, with the hash of what it stands for; undefined when it has none.
 * `body` is given where it is not the request's own, as of a file that was stored.
 */
export const readIdempotency = (
  request: FastifyRequest,
  body: unknown = request.body,
): { key: string; requestHash: string } | undefined => {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY_PATTERN.test(key)) {
    throw invalidRequest([
      { detail: 'is not 1 to 255 visible ASCII characters', pointer: 'idempotency-key' },
    ]);
  }
  return { key, requestHash: requestHashOf(request, body) };
};
