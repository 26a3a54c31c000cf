import { problemOf } from '../api/problem.ts';
import type { ProblemWords } from '../page/problem-notice.tsx';

/** A refused sign-in in words for people; undefined where the server's words are good. */
export const wordsOf = (error: unknown): ProblemWords | undefined => {
  const { status, retryAfterSeconds } = problemOf(error);
  if (status === 400 || status === 401 || status === 422) {
    return {
      title: 'This key is not valid',
      detail: 'It may be incomplete, expired or revoked. Paste the whole key: it begins with ks_.',
    };
  }
  if (status === 429) {
    return {
      title: 'Too many tries',
      detail: `Wait ${retryAfterSeconds ?? 60} s, then sign in again.`,
    };
  }
  if (status === 0 || status >= 502) {
    return {
      title: 'The server is not available',
      detail: 'You are not signed in. Your key may be right: try again in a few seconds.',
    };
  }
  return undefined;
};
