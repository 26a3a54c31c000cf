import { keepPreviousData } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { components } from '../api/schema.d.ts';
import { problemOf } from '../api/problem.ts';
import { useApi } from '../api/services.tsx';
import type { UserQuery } from '../selection/user-query.ts';
import { apiQueryOf, DEFAULT_SIZE, DEFAULT_SORT } from './user-search.ts';
import type { UserAddress } from './use-user-address.ts';

export type User = components['schemas']['User'];

export interface UserList {
  /** Undefined until the first page is there, and while only an empty page of another query is. */
  users: readonly User[] | undefined;
  pageIds: readonly string[];
  nextCursor: string | null;
  /** Null on the first page; undefined until it is known. */
  prevCursor: string | null | undefined;
  /** The users are not those of the present page, query or text, which may be on their way. */
  isOld: boolean;
  isFetching: boolean;
  /** When the segment was last changed before these users were read. */
  segmentUpdatedAt: string | undefined;
  error: unknown;
  /** The query is refused, and does not become right by another try. */
  isRefused: boolean;
  retry: () => void;
}

type ListAddress = Pick<UserAddress, 'search' | 'isPending'>;

const NONE: readonly string[] = [];

/** A page of users. A request for another page or query aborts the one before. */
export const useUserList = ({ search, isPending }: ListAddress): UserList => {
  const api = useApi();
  const { q, segment, filter, sort = DEFAULT_SORT, limit = DEFAULT_SIZE, after } = search;
  const { data, error, isPlaceholderData, isFetching, refetch } = api.useQuery(
    'get',
    '/v1/users',
    {
      params: {
        query: {
          ...apiQueryOf({ q, segmentId: segment, filter }),
          sort,
          limit,
          ...(after !== undefined && { cursor: after }),
        },
      },
    },
    { placeholderData: keepPreviousData },
  );
  const pageIds = useMemo(() => data?.data.map(({ userId }) => userId) ?? NONE, [data]);
  const { status } = error === null ? { status: 0 } : problemOf(error);
  const isRefused = status >= 400 && status < 500 && status !== 429;
  return {
    users: isPlaceholderData && data?.data.length === 0 ? undefined : data?.data,
    pageIds,
    nextCursor: data?.nextCursor ?? null,
    prevCursor: isPlaceholderData ? undefined : data?.prevCursor,
    isOld: isPlaceholderData || isPending || isRefused,
    isFetching,
    error,
    isRefused,
    segmentUpdatedAt: data?.segmentUpdatedAt,
    retry: () => void refetch(),
  };
};

/** The number of all users that a query finds. */
export interface UserCount {
  /** Undefined while it is not known. */
  total: number | undefined;
  /** Counting took too long or failed. */
  isUnknown: boolean;
  countAgain: () => void;
}

/**
 * Counts in a request of its own, which the rows never wait for. It begins once the rows are there.
 *
 * @param known the number, if the list shows it: then nothing is counted
 */
export const useUserCount = (
  query: UserQuery,
  { known, isReady }: { known: number | undefined; isReady: boolean },
): UserCount => {
  const api = useApi();
  const { data, error, isFetching, refetch } = api.useQuery(
    'get',
    '/v1/users',
    { params: { query: { ...apiQueryOf(query), limit: 1, count: 'exact' } } },
    { enabled: isReady && known === undefined },
  );
  const total = known ?? data?.count ?? undefined;
  return {
    total,
    isUnknown: total === undefined && (error !== null || (data?.count === null && !isFetching)),
    countAgain: () => void refetch(),
  };
};
