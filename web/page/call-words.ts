import type { Problem } from '../api/problem.ts';

/** Why the server could not act, as the end of a sentence. */
const CAUSES: Readonly<Record<string, string>> = {
  unreachable: 'the server cannot be reached',
  'database-unavailable': 'the database is away',
  'temporal-unavailable': 'Temporal is away',
  'storage-unavailable': 'the storage is away',
  busy: 'the service is busy',
  'too-many-requests': 'too many requests came at once',
};

/**
 * What became of a request while the server is away.
 *
 * @param isKeyed the request would start something, and has an idempotency key
 */
export const callWordsOf = ({ slug }: Pick<Problem, 'slug'>, isKeyed: boolean): string => {
  // The job is stored then; only its start is missing.
  if (isKeyed && slug === 'temporal-unavailable') return 'Saved, not yet started.';
  const cause = CAUSES[slug] ?? 'the server did not answer';
  return isKeyed ? `Not started yet: ${cause}.` : `Nothing was started: ${cause}.`;
};

/** What happens next: by itself in some seconds, now, or by a person (`undefined`). */
export const nextTryWordsOf = (seconds: number | undefined, isKeyed: boolean): string => {
  const again = seconds === undefined ? 'Trying again' : `Trying again in ${seconds} s`;
  return isKeyed ? `${again} with the same key, so it cannot start twice.` : `${again}.`;
};
