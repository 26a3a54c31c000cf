import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { routeOf } from './logging.ts';
import { invalidRequest } from './problems.ts';

/** 1 to 255 visible ASCII characters. */
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

/** JSON with sorted names in each object, so that equal values give equal text. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? '';

/** Two requests are the same if their method, route, path, query and body are the same. */
export const requestHashOf = (request: FastifyRequest, body: unknown = request.body): string => {
  const { method, params, query } = request;
  return createHash('sha256')
    .update(canonical([method, routeOf(request), params, query, body ?? null]))
    .digest('hex');
};

/**
 * The idempotency key of the request and the hash of the request; undefined without a key. Pass
 * `body` if it is not the body of the request, as for a stored file.
 */
export const readIdempotency = (
  request: FastifyRequest,
  body: unknown = request.body,
): { key: string; requestHash: string } | undefined => {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY_PATTERN.test(key)) {
    throw invalidRequest([
      { detail: 'must be 1 to 255 visible ASCII characters', pointer: 'idempotency-key' },
    ]);
  }
  return { key, requestHash: requestHashOf(request, body) };
};
