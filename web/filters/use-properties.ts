import { useEffect, useMemo } from 'react';
import type { PropertyTypes } from '../../selection/fields.ts';
import { useApi } from '../api/services.tsx';

const PAGE = 200;
/** Properties are added rarely, and are never changed. */
const FRESH_MS = 60_000;

/** The custom properties of the workspace. Undefined until all of them are loaded. */
export const useProperties = (): { properties: PropertyTypes | undefined; error: unknown } => {
  const api = useApi();
  const { data, error, hasNextPage, isFetching, fetchNextPage } = api.useInfiniteQuery(
    'get',
    '/v1/properties',
    { params: { query: { limit: PAGE } } },
    {
      pageParamName: 'cursor',
      // Not undefined, for which the client sends a cursor of its own.
      initialPageParam: null,
      getNextPageParam: ({ nextCursor }) => nextCursor,
      staleTime: FRESH_MS,
    },
  );
  useEffect(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const properties = useMemo(
    () =>
      data === undefined || hasNextPage
        ? undefined
        : new Map(data.pages.flatMap((page) => page.data.map(({ name, type }) => [name, type]))),
    [data, hasNextPage],
  );
  return { properties, error };
};
