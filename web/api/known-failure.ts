import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { unreachable } from './problem.ts';

/** The parts of a query that say how its last requests went. */
interface Tried {
  data: unknown;
  /** The data is of another query. */
  isPlaceholderData: boolean;
  error: unknown;
  failureReason: unknown;
  fetchStatus: 'fetching' | 'paused' | 'idle';
  refetch: (...options: never[]) => Promise<unknown>;
}

/**
 * A query whose `error` is there from the first failure on, while it is still tried again, and
 * whose `refetch` does not wait for the time of the next try.
 */
export const useKnownFailure = <Query extends Tried>(query: Query, queryKey: QueryKey): Query => {
  const queries = useQueryClient();
  const hasNoData = query.data === undefined || query.isPlaceholderData;
  const isOffline = hasNoData && query.fetchStatus === 'paused';
  return {
    ...query,
    error: query.error ?? query.failureReason ?? (isOffline ? unreachable(undefined) : null),
    refetch: async (...options: never[]) => {
      // Without data, the library would go on waiting.
      if (hasNoData) await queries.cancelQueries({ queryKey, exact: true });
      return query.refetch(...options);
    },
  };
};
