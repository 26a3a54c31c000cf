import {
  type HistoryState,
  useLocation,
  useNavigate,
  useRouter,
  useSearch,
} from '@tanstack/react-router';
import { useEffect, useMemo, useRef } from 'react';
import { queryIdOf, type UserQuery } from '../selection/user-query.ts';
import type { Step } from './page-trail.ts';
import type { UserDialog, UserSearch } from './user-search.ts';

declare module '@tanstack/react-router' {
  interface HistoryState {
    trail?: Step[];
    /** The entry was made by typing, so that more typing replaces it. */
    isTyping?: boolean;
    /** The entry was made by opening a dialog, so that closing goes back. */
    isDialog?: boolean;
  }
}

const NO_TRAIL: Step[] = [];

interface Options {
  replace?: boolean;
  resetScroll?: boolean;
  state?: true | HistoryState | ((state: HistoryState) => HistoryState);
}

export interface UserAddress {
  search: UserSearch;
  /** The conditions of the search; the same object until one of them changes. */
  query: UserQuery;
  queryId: string;
  /** The pages before this one, as far as they were seen. */
  trail: readonly Step[];
  /** Changes what is listed, or how. It shows the first page, and closes the dialog. */
  change: (changes: Partial<UserSearch>) => void;
  /** Changes the search while a person types: one entry in the history for all of it. */
  type: (q: string | undefined) => void;
  openDialog: (dialog: UserDialog) => void;
  closeDialog: () => void;
  /** Shows another page, and remembers the way to it. */
  goTo: (after: string | undefined, trail: Step[]) => void;
}

/** The list in the address of the page. What it needs beside that is in the history. */
export const useUserAddress = (): UserAddress => {
  const search = useSearch({ from: '/frame/users' });
  const {
    __TSR_key: entry = '',
    trail = NO_TRAIL,
    isTyping = false,
    isDialog = false,
  } = useLocation({ select: ({ state }) => state });
  const navigate = useNavigate({ from: '/users' });
  const router = useRouter();

  const closed = useRef<string>(undefined);
  useEffect(() => {
    if (search.do === undefined) closed.current = undefined;
  }, [search.do]);

  const { q, segment, filter } = search;
  const query = useMemo(() => ({ q, segmentId: segment, filter }), [q, segment, filter]);

  return useMemo(() => {
    const go = (next: UserSearch, options: Options = {}) =>
      void navigate({ to: '/users', search: next, resetScroll: false, ...options });
    const first: UserSearch = { ...search, after: undefined, do: undefined };
    return {
      search,
      query,
      queryId: queryIdOf(query),
      trail,
      change: (changes) => go({ ...first, ...changes }, { replace: search.do !== undefined }),
      type: (q) => go({ ...first, q }, { replace: isTyping, state: { isTyping: true } }),
      openDialog: (dialog) =>
        go({ ...search, do: dialog }, { state: (state) => ({ ...state, isDialog: true }) }),
      closeDialog: () => {
        // Closed twice in a row, it must not leave the list.
        if (closed.current === entry) return;
        closed.current = entry;
        if (isDialog) router.history.back();
        else go({ ...search, do: undefined }, { replace: true, state: true });
      },
      goTo: (after, way) => go({ ...search, after }, { state: { trail: way }, resetScroll: true }),
    } satisfies UserAddress;
  }, [search, query, entry, trail, isTyping, isDialog, navigate, router]);
};
