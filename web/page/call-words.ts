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

type Failure = Pick<Problem, 'slug'> & { data?: Problem['data'] };

/**
 * What became of a request while the server is away.
 *
 * @param isKeyed the request would start something, and has an idempotency key
 */
export const callWordsOf = ({ slug, data }: Failure, isKeyed: boolean): string => {
  const cause = CAUSES[slug] ?? 'the server did not answer';
  if (!isKeyed) return `Nothing was started: ${cause}.`;
  if (hasPartStarted(data)) {
    if (slug === 'internal') return 'A part has started, and more may have: the server failed.';
    return isWithoutAnswer(slug)
      ? 'A part has started, and more may have: the last request had no answer.'
      : `A part has started, and the rest has not yet: ${cause}.`;
  }
  // The job is stored then; only its start is missing.
  if (slug === 'temporal-unavailable') return 'Saved, not yet started.';
  if (slug === 'internal') return 'The server failed: it may have started.';
  if (isWithoutAnswer(slug)) return 'No answer came: it may have started.';
  return `Not started yet: ${cause}.`;
};

/** What it means to close the part that would send the request again. */
export const closeWordsOf = ({ slug, data }: Failure): string => {
  if (hasPartStarted(data)) {
    return 'If you close this, the rest is not sent again. Look at the jobs to see what has started.';
  }
  const then = 'If you close this, the request is not sent again.';
  return isWithoutAnswer(slug) || slug === 'temporal-unavailable'
    ? `${then} It may have started: look at the jobs.`
    : `${then} Look at the jobs to be sure that it has not started.`;
};

/** What happens next: by itself in some seconds, now, or by a person (`undefined`). */
export const nextTryWordsOf = (seconds: number | undefined, isKeyed: boolean): string => {
  const again = seconds === undefined ? 'Trying again' : `Trying again in ${seconds} s`;
  return isKeyed ? `${again} with the same key, so it cannot start twice.` : `${again}.`;
};

const hasPartStarted = (data: Problem['data'] | undefined): boolean =>
  Number(data?.['started'] ?? 0) > 0;

/** Whether nothing is known about the request: the connection was cut, or a proxy answered. */
const isWithoutAnswer = (slug: string): boolean => slug === 'unreachable' || !(slug in CAUSES);
