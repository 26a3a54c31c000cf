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
import { type TypedSearch, useTypedSearch } from './use-typed-search.ts';
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
/** The first page, without a dialog. */
const FIRST = { after: undefined, do: undefined };

interface Options {
  replace?: boolean;
  resetScroll?: boolean;
  state?: true | HistoryState | ((state: HistoryState) => HistoryState);
}

export interface UserAddress {
  search: UserSearch;
  /**
   * The conditions of the search, with the typed text from the first key press; the same object
   * until one of them changes.
   */
  query: UserQuery;
  queryId: string;
  typed: TypedSearch;
  /** The typed text is not in the address yet: the list is still of the search before. */
  isPending: boolean;
  /** The pages before this one, as far as they were seen. */
  trail: readonly Step[];
  /** Changes what is listed, or how. It shows the first page, and closes the dialog. */
  change: (changes: Partial<UserSearch>) => void;
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
  const go = useGo();
  const router = useRouter();

  const closed = useRef<string>(undefined);
  useEffect(() => {
    if (search.do === undefined) closed.current = undefined;
  }, [search.do]);

  // One entry in the history for all that is typed in a row.
  const typed = useTypedSearch(search.q, (q) => {
    go({ ...FIRST, q }, { replace: isTyping, state: { isTyping: true } });
    // Else a dialog that opens at the same time would take its entry.
    router.history.flush();
  });
  const { q } = typed;
  const { segment, filter } = search;
  const query = useMemo(() => ({ q, segmentId: segment, filter }), [q, segment, filter]);
  return {
    search,
    query,
    queryId: queryIdOf(query),
    typed,
    isPending: q !== search.q,
    trail,
    change: (changes) => {
      if ('q' in changes) typed.replace(changes.q);
      else typed.flush();
      go({ ...FIRST, ...changes }, { replace: search.do !== undefined });
    },
    openDialog: (dialog) => {
      typed.flush();
      go({ do: dialog }, { state: (state) => ({ ...state, isDialog: true }) });
    },
    closeDialog: () => {
      // Closed twice in a row, it must not leave the list.
      if (closed.current === entry) return;
      closed.current = entry;
      if (isDialog) router.history.back();
      else go({ do: undefined }, { replace: true, state: true });
    },
    goTo: (after, way) => go({ after }, { state: { trail: way }, resetScroll: true }),
  };
};

/** Not from the search of a render: a typed text may have entered the address just now. */
const useGo = () => {
  const navigate = useNavigate({ from: '/users' });
  return (changes: Partial<UserSearch>, options: Options = {}): void =>
    void navigate({
      to: '/users',
      search: (old) => ({ ...old, ...changes }),
      resetScroll: false,
      ...options,
    });
};
