import type { paths } from '../api/schema.d.ts';
import type { UserQuery } from '../selection/user-query.ts';

type ApiQuery = NonNullable<paths['/v1/users']['get']['parameters']['query']>;

/** The orders that the API offers: a property, with `-` for the last first. */
const SORTS = [
  'userId',
  '-userId',
  'createdAt',
  '-createdAt',
] as const satisfies readonly NonNullable<ApiQuery['sort']>[];

export type UserSort = (typeof SORTS)[number];

export const PAGE_SIZES = [25, 50, 100, 200] as const;

export type PageSize = (typeof PAGE_SIZES)[number];

const DIALOGS = [
  'filter',
  'save-segment',
  'download-all',
  'download-segment',
  'download-selected',
  'delete',
  'delete-all',
] as const;

export type UserDialog = (typeof DIALOGS)[number];

export const DEFAULT_SORT: UserSort = 'userId';
export const DEFAULT_SIZE: PageSize = 50;

/** What the address of the list of users says. */
export interface UserSearch {
  q?: string | undefined;
  segment?: string | undefined;
  /** JSON. It stays as it is given: a broken filter must be refused, and not be no filter. */
  filter?: unknown;
  sort?: UserSort | undefined;
  limit?: PageSize | undefined;
  /** The cursor of the page; absent for the first page. */
  after?: string | undefined;
  do?: UserDialog | undefined;
}

/** Reads an address. Only what changes nothing about the users that are listed is left out. */
export const readUserSearch = (raw: Record<string, unknown>): UserSearch => ({
  // Trimmed as in the search box. Without a text, all users are listed.
  q: textOf(raw['q'])?.trim() || undefined,
  segment: textOf(raw['segment']),
  filter: raw['filter'] === '' ? undefined : raw['filter'],
  sort: SORTS.find((sort) => sort === raw['sort']),
  limit: PAGE_SIZES.find((size) => size === Number(raw['limit'])),
  after: textOf(raw['after']),
  do: DIALOGS.find((dialog) => dialog === raw['do']),
});

/** The parameters of the API for a query. */
export const apiQueryOf = ({ q, segmentId, filter }: UserQuery) => ({
  ...(q !== undefined && { q }),
  ...(segmentId !== undefined && { segmentId }),
  ...(filter !== undefined && { filter: JSON.stringify(filter) }),
});

/** The next order for a click on a column. */
export const nextSort = (property: 'userId' | 'createdAt', present: UserSort): UserSort =>
  present === property ? `-${property}` : property;

/** A text; one that is given twice comes as a list, and a cursor such as `42` as a number. */
const textOf = (raw: unknown): string | undefined => {
  if (raw === undefined || raw === null || raw === '') return undefined;
  return typeof raw === 'string' ? raw : JSON.stringify(raw);
};
