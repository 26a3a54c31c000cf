import type { Problem } from './problem.ts';

/** Times that a request is sent again by itself. After that, a person decides. */
const MAX_RETRIES = 3;
const DEFAULT_WAIT_SECONDS = 5;
/** Statuses of a server that is away, or that has too much to do. */
const PASSING = new Set([429, 502, 503, 504]);

/** Whether the server is away or busy, which ends without a change of the request. */
export const isAway = ({ slug, status }: Pick<Problem, 'slug' | 'status'>): boolean =>
  slug === 'unreachable' || PASSING.has(status);

/** The answer, or undefined after the time that all tries of a request take. */
export const withinTries = async <Result>(answer: Promise<Result>): Promise<Result | undefined> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, MAX_RETRIES * DEFAULT_WAIT_SECONDS * 1_000, undefined);
  });
  const first = await Promise.race([answer, late]);
  clearTimeout(timer);
  return first;
};

/**
 * Whether to send a request again by itself: it reads, or has an idempotency key, and the server
 * was away or busy.
 */
export const mayRetry = (problem: Problem, retries: number, isRepeatable: boolean): boolean =>
  isRepeatable && retries < MAX_RETRIES && isAway(problem);

export const retryDelayMs = ({ retryAfterSeconds }: Pick<Problem, 'retryAfterSeconds'>): number =>
  (retryAfterSeconds ?? DEFAULT_WAIT_SECONDS) * 1_000;
