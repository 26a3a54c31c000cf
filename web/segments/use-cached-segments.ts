import { type InfiniteData, useQueryClient } from '@tanstack/react-query';
import type { Segment } from './use-segment-list.ts';

const queryKey = ['get', '/v1/segments'];

/**
 * Puts a segment that was saved or deleted into the lists at once, and reads them again: a page
 * must not take its own change for that of somebody else while the server is away.
 */
export const useCachedSegments = () => {
  const queries = useQueryClient();
  const change = (id: string, replacement: readonly Segment[]): void => {
    queries.setQueriesData<InfiniteData<{ data: readonly Segment[] }>>(
      { queryKey },
      (list) =>
        list && {
          ...list,
          pages: list.pages.map((page, index) => ({
            ...page,
            data: [
              ...page.data.filter((segment) => segment.id !== id),
              ...(index === list.pages.length - 1 ? replacement : []),
            ],
          })),
        },
    );
    // This also replaces a read that began before, and would bring back what was there before.
    void queries.invalidateQueries({ queryKey });
  };
  return {
    put: (segment: Segment) => change(segment.id, [segment]),
    remove: (id: string) => change(id, []),
    readAgain: () => void queries.invalidateQueries({ queryKey }),
  };
};
