import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useMe } from '../api/services.tsx';
import { EVERYTHING, isNothing, rangeOf, type Selection, withTicks } from './selection.ts';
import {
  cleared,
  emptyState,
  type SelectionState,
  type Undo,
  undone,
  withQuery,
  withSelection,
} from './selection-state.ts';
import { createSelectionStore } from './selection-store.ts';

export interface UsedSelection {
  selection: Selection;
  undo: Undo | undefined;
  /** Ticks one user, or with `isRange` all from the one before. */
  tick: (id: string, isOn: boolean, isRange: boolean) => void;
  tickPage: (isOn: boolean) => void;
  selectAll: () => void;
  clear: () => void;
  /** Brings back what was cleared, in the list of the same query. */
  undoClear: () => void;
  /** Forgets what could be brought back. */
  dismissUndo: () => void;
}

/**
 * The selection in the list of a query. Nothing is selected in a list that is refused, such as one
 * of a segment that was deleted.
 *
 * @param list the users that are shown, in their order
 */
export const useSelection = (
  queryId: string,
  { pageIds, isRefused }: { pageIds: readonly string[]; isRefused: boolean },
): UsedSelection => {
  const { key, workspace } = useMe();
  const person = { keyId: key.id, workspaceId: workspace?.id ?? '' };
  const [store] = useState(() => createSelectionStore(person, sessionStorage));
  const stored = useSyncExternalStore(store.subscribe, store.state);
  // Not only after the effect: a selection of another query must never be shown with this one.
  const state = useMemo(() => {
    const present = withQuery(stored, queryId);
    return isRefused && !isNothing(present.selection) ? emptyState(queryId) : present;
  }, [stored, queryId, isRefused]);
  useEffect(() => store.change(state), [store, state]);

  const page = useRef(pageIds);
  useEffect(() => {
    page.current = pageIds;
  }, [pageIds]);
  /** Where a range begins: nowhere in another query, or once the ticks were cleared. */
  const last = useRef<string>(undefined);
  useEffect(() => {
    last.current = undefined;
  }, [queryId]);

  const update = useCallback(
    (change: (state: SelectionState) => SelectionState) =>
      store.change(change(withQuery(store.state(), queryId))),
    [store, queryId],
  );
  const tick = useCallback(
    (id: string, isOn: boolean, isRange: boolean) => {
      const ids =
        isRange && last.current !== undefined ? rangeOf(page.current, last.current, id) : [id];
      last.current = id;
      update((now) => withSelection(now, withTicks(now.selection, ids, isOn)));
    },
    [update],
  );
  const actions = useMemo(
    () => ({
      tickPage: (isOn: boolean) =>
        update((now) => withSelection(now, withTicks(now.selection, page.current, isOn))),
      selectAll: () => update((now) => withSelection(now, EVERYTHING)),
      clear: () => {
        last.current = undefined;
        update(cleared);
      },
      undoClear: () => {
        last.current = undefined;
        update(undone);
      },
      dismissUndo: () => update((now) => withSelection(now, now.selection)),
    }),
    [update],
  );
  return { selection: state.selection, undo: state.undo, tick, ...actions };
};
