import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { routeOf } from './logging.ts';
import { invalidRequest, isProblem, problem } from './problems.ts';
import { codeOf } from './send-problem.ts';

/** 1 to 255 visible ASCII characters. */
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

/** How the codes of the refusals begin that Keepsake's own rules in the database raise. */
const OWN_CODES = 'KS';

/** The idempotency key of a request, and the hash of the request. */
export interface Idempotency {
  key: string;
  requestHash: string;
}

/** A row that an earlier request with an idempotency key has written. */
interface Earlier {
  request_hash: string | null;
}

interface Lookup<Row> {
  find: (key: string) => Promise<Row | undefined>;
  /** For the message about a key of another request: `job 0193… by another request`. */
  usedFor: (earlier: Row) => string;
}

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
): Idempotency | undefined => {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY_PATTERN.test(key)) {
    throw invalidRequest([
      { detail: 'must be 1 to 255 visible ASCII characters', pointer: 'idempotency-key' },
    ]);
  }
  return { key, requestHash: requestHashOf(request, body) };
};

/**
 * Carries out a request once per idempotency key: returns the row of an earlier request, or writes.
 * `write` resolves to undefined if the row could not be written. Undefined if there is no row then.
 *
 * If the same key was sent twice at once, the other request may come first after the lookup. Then
 * `write` finds its key taken, or refuses what the other request has used (a confirmed preview, a
 * retried job). Both mean the same: this request was carried out, and its row exists by then.
 *
 * @throws ProblemError if the key belongs to another request, or `write` refuses a new request
 */
export const oncePerKey = async <Row extends Earlier, Written = Row>(
  idempotency: Idempotency | undefined,
  { write, ...lookup }: Lookup<Row> & { write: () => Promise<Written | undefined> },
): Promise<Row | Written | undefined> => {
  const earlier = await findEarlier(idempotency, lookup);
  if (earlier !== undefined) return earlier;
  try {
    return (await write()) ?? (await findEarlier(idempotency, lookup));
  } catch (refusal) {
    if (!isProblem(refusal) && !codeOf(refusal).startsWith(OWN_CODES)) throw refusal;
    const other = await findEarlier(idempotency, lookup);
    if (other === undefined) throw refusal;
    return other;
  }
};

/** The row of an earlier request with the same key. @throws ProblemError as `requireSame` does */
export const findEarlier = async <Row extends Earlier>(
  idempotency: Idempotency | undefined,
  { find, usedFor }: Lookup<Row>,
): Promise<Row | undefined> => {
  const earlier = idempotency && (await find(idempotency.key));
  return earlier && requireSame(earlier, idempotency, usedFor);
};

/** The earlier row. @throws ProblemError if it was written by another request with the same key */
export const requireSame = <Row extends Earlier>(
  earlier: Row,
  { requestHash }: Idempotency,
  usedFor: (earlier: Row) => string,
): Row => {
  if (earlier.request_hash === requestHash) return earlier;
  throw problem('idempotency-key-reused', `This idempotency key was used for ${usedFor(earlier)}.`);
};

/** JSON with sorted names in each object, so that equal values give equal text. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? '';
