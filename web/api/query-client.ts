import { QueryClient } from '@tanstack/react-query';
import { problemOf } from './problem.ts';
import { isAway, retryDelayMs } from './retry.ts';

/** Data that a page shows again within this time is not fetched again. */
const FRESH_MS = 5_000;
/** A server that is away is not asked more often than this. */
const LEAST_WAIT_MS = 1_000;

export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        // For as long as a page needs it: while the tab is hidden, the next try waits.
        retry: (_retries, error) => isAway(problemOf(error)),
        retryDelay: (_retries, error) => Math.max(LEAST_WAIT_MS, retryDelayMs(problemOf(error))),
      },
      // A change is sent again only with an idempotency key; its dialog decides.
      // Without a network it fails at once: else it would be sent after its dialog has closed.
      mutations: { retry: false, networkMode: 'always' },
    },
  });
