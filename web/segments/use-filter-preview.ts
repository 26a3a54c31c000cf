import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData } from '@tanstack/react-query';
import type { Filter } from '../../selection/filter.ts';
import type { components } from '../api/schema.d.ts';
import { useApi } from '../api/services.tsx';

/** Typing rests for this long before the users are looked up. */
const REST_MS = 400;
export const SHOWN_USERS = 5;
/** The longest filter that an address of the API can hold, as JSON. */
const MAX_FILTER_LENGTH = 16_000;

export interface FilterPreview {
  /** The first users. Undefined until they are known. */
  users: readonly components['schemas']['User'][] | undefined;
  /** The number of users that match; `tooSlow` if the server ended the count. */
  count: number | 'tooSlow' | undefined;
  /** What is shown is of an earlier filter. */
  isOld: boolean;
  /** The filter can be saved, but it is too long to be tried here. */
  isTooLong: boolean;
  error: unknown;
  retry: () => void;
}

/**
 * The users that a filter finds now: first the rows, then their number. There is one request at a
 * time, and a change of the filter aborts it.
 *
 * @param filter undefined while it is not complete
 */
export const useFilterPreview = (filter: Filter | undefined): FilterPreview => {
  const json = filter && JSON.stringify(filter);
  const [settled = ''] = useDebouncedValue(json, REST_MS);
  const isTooLong = (json?.length ?? 0) > MAX_FILTER_LENGTH;
  const isReady = json !== undefined && json === settled && !isTooLong;
  const rows = useUsers({ filter: settled, limit: SHOWN_USERS }, isReady);
  const page = rows.data;
  const isCurrent = isReady && !rows.isPlaceholderData;
  const isWhole = page?.nextCursor === null;
  const counted = useUsers(
    { filter: settled, limit: 1, count: 'exact' },
    isCurrent && page !== undefined && !isWhole,
  );
  const count = counted.data?.count;
  return {
    users: page?.data,
    count: isWhole ? page.data.length : count === null ? 'tooSlow' : count,
    isOld: !isCurrent || (!isWhole && counted.isPlaceholderData),
    isTooLong,
    error: rows.error ?? counted.error,
    retry: () => void (rows.error === null ? counted : rows).refetch(),
  };
};

const useUsers = (query: { filter: string; limit: number; count?: 'exact' }, isOn: boolean) =>
  useApi().useQuery(
    'get',
    '/v1/users',
    { params: { query } },
    { enabled: isOn, placeholderData: keepPreviousData },
  );
