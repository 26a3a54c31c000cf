import { QueryClient } from '@tanstack/react-query';
import { problemOf } from './problem.ts';
import { mayRetry, retryDelayMs } from './retry.ts';

/** Data that a page shows again within this time is not fetched again. */
const FRESH_MS = 5_000;

export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        retry: (retries, error) => mayRetry(problemOf(error), retries, true),
        retryDelay: (_retries, error) => retryDelayMs(problemOf(error)),
      },
      // A change is sent again only with an idempotency key; its dialog decides.
      mutations: { retry: false },
    },
  });
