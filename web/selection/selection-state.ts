import { isNothing, NOTHING, type Selection } from './selection.ts';

/** A selection with the query of its list. */
export interface SelectionState {
  /** See `queryIdOf`. */
  queryId: string;
  selection: Selection;
  /** What was selected before, until something else is selected. */
  undo?: Undo | undefined;
}

export interface Undo {
  reason: 'filterChanged' | 'cleared';
  queryId: string;
  selection: Selection;
}

export const emptyState = (queryId: string): SelectionState => ({ queryId, selection: NOTHING });

/**
 * The state once the list has a query. Another query clears the selection. The query from before
 * brings it back, as long as nothing else was selected.
 */
export const withQuery = (state: SelectionState, queryId: string): SelectionState => {
  if (state.queryId === queryId) return state;
  const { undo } = state;
  if (undo?.reason === 'filterChanged' && undo.queryId === queryId) {
    return { queryId, selection: undo.selection };
  }
  if (isNothing(state.selection)) {
    return { queryId, selection: NOTHING, undo: undo?.reason === 'cleared' ? undefined : undo };
  }
  const { selection } = state;
  return {
    queryId,
    selection: NOTHING,
    undo: { reason: 'filterChanged', queryId: state.queryId, selection },
  };
};

export const withSelection = (state: SelectionState, selection: Selection): SelectionState => ({
  queryId: state.queryId,
  selection,
});

export const cleared = (state: SelectionState): SelectionState =>
  isNothing(state.selection)
    ? state
    : {
        queryId: state.queryId,
        selection: NOTHING,
        undo: { reason: 'cleared', queryId: state.queryId, selection: state.selection },
      };

/** Brings back what was cleared. A changed filter is undone by the query from before. */
export const undone = (state: SelectionState): SelectionState =>
  state.undo?.queryId === state.queryId
    ? { queryId: state.queryId, selection: state.undo.selection }
    : state;
