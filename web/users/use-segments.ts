import { useEffect, useMemo } from 'react';
import type { components } from '../api/schema.d.ts';
import { useApi } from '../api/services.tsx';

export type Segment = components['schemas']['Segment'];

const PAGE = 200;

/** The segments of the workspace by name. Undefined until all of them are loaded. */
export const useSegments = (): readonly Segment[] | undefined => {
  const api = useApi();
  const { data, hasNextPage, isFetching, fetchNextPage } = api.useInfiniteQuery(
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
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  return useMemo(
    () =>
      data === undefined || hasNextPage
        ? undefined
        : data.pages
            .flatMap((page) => page.data)
            .toSorted((a, b) => a.name.localeCompare(b.name, 'en')),
    [data, hasNextPage],
  );
};
