import { useCallback, useEffect, useMemo } from 'react';
import type { Filter } from '../../selection/filter.ts';
import { withinTries } from '../api/retry.ts';
import { useApi } from '../api/services.tsx';

export interface Segment {
  id: string;
  name: string;
  filter: Filter;
  createdAt: string;
  updatedAt: string;
}

export interface SegmentList {
  /** By name. Undefined until all of them are loaded. */
  segments: readonly Segment[] | undefined;
  error: unknown;
  /** It is read, or read again. */
  isReading: boolean;
  retry: () => void;
  /** The segments as they are now. Undefined if they cannot be read. */
  reload: () => Promise<readonly Segment[] | undefined>;
}

const PAGE = 200;

/**
 * The segments of the workspace. A single one is looked up here too: the API counts the users of a
 * segment that it answers alone, and a page must not wait for that.
 */
export const useSegmentList = (): SegmentList => {
  const { data, error, hasNextPage, fetchStatus, isFetching, fetchNextPage, refetch } =
    useApi().useInfiniteQuery(
      'get',
      '/v1/segments',
      { params: { query: { limit: PAGE } } },
      {
        pageParamName: 'cursor',
        // Not undefined, for which the client sends a cursor of its own.
        initialPageParam: null,
        getNextPageParam: ({ nextCursor }) => nextCursor,
      },
    );
  useEffect(() => {
    if (hasNextPage && !isFetching && error === null) void fetchNextPage();
  }, [hasNextPage, isFetching, error, fetchNextPage]);
  const segments = useMemo(
    () => (data === undefined || hasNextPage ? undefined : sorted(data.pages)),
    [data, hasNextPage],
  );
  const retry = useCallback(() => void refetch(), [refetch]);
  const reload = useCallback(async () => {
    const now = await withinTries(refetch());
    return now?.data === undefined || now.isError ? undefined : sorted(now.data.pages);
  }, [refetch]);
  return { segments, error, isReading: fetchStatus !== 'idle', retry, reload };
};

const sorted = (pages: readonly { data: readonly Segment[] }[]): readonly Segment[] =>
  pages.flatMap((page) => page.data).toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
