import type { Problem } from './problem.ts';

/** Times that a request is sent again by itself. After that, a person decides. */
const MAX_RETRIES = 3;
const DEFAULT_WAIT_SECONDS = 5;
/** Statuses of a server that is away, or that has too much to do. */
const PASSING = new Set([429, 502, 503, 504]);

/**
 * Whether to send a request again by itself: it reads, or has an idempotency key, and the server
 * was away or busy.
 */
export const mayRetry = (problem: Problem, retries: number, isRepeatable: boolean): boolean =>
  isRepeatable && retries < MAX_RETRIES && isPassing(problem);

export const retryDelayMs = ({ retryAfterSeconds }: Pick<Problem, 'retryAfterSeconds'>): number =>
  (retryAfterSeconds ?? DEFAULT_WAIT_SECONDS) * 1_000;

/** Problems that end without a change of the request. */
const isPassing = ({ slug, status }: Problem): boolean =>
  slug === 'unreachable' || PASSING.has(status);
