import type { Selection } from './selection.ts';
import { emptyState, type SelectionState } from './selection-state.ts';

interface SelectionStorage {
  readonly length: number;
  key: (index: number) => string | null;
  getItem: (name: string) => string | null;
  setItem: (name: string, value: string) => void;
  removeItem: (name: string) => void;
}

/** The selection of a workspace. It outlives a reload, and ends with the tab or the session. */
export interface SelectionStore {
  state: () => SelectionState;
  subscribe: (listener: () => void) => () => void;
  change: (next: SelectionState) => void;
}

const PREFIX = 'keepsake-selection:';

/**
 * Selections of other people are removed: another person may sign in after a session has ended.
 *
 * @param keyId the key that is signed in
 * @param storage `sessionStorage`, which holds ids of users and nothing else about them
 */
export const createSelectionStore = (
  { keyId, workspaceId }: { keyId: string; workspaceId: string },
  storage: SelectionStorage,
): SelectionStore => {
  const name = `${PREFIX}${keyId}:${workspaceId}`;
  removeOthers(storage, name);
  let state = read(storage.getItem(name)) ?? emptyState('');
  const listeners = new Set<() => void>();
  return {
    state: () => state,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change: (next) => {
      if (next === state) return;
      state = next;
      write(storage, name, next);
      for (const listener of listeners) listener();
    },
  };
};

const removeOthers = (storage: SelectionStorage, name: string): void => {
  const names = Array.from({ length: storage.length }, (_item, index) => storage.key(index));
  for (const other of names) {
    if (other?.startsWith(PREFIX) && other !== name) storage.removeItem(other);
  }
};

/** A set as JSON. */
type Stored = { kind: 'some'; ids: string[] } | { kind: 'all'; except: string[] };

const write = (storage: SelectionStorage, name: string, state: SelectionState): void => {
  const { queryId, selection, undo } = state;
  const stored = {
    queryId,
    selection: toStored(selection),
    ...(undo && { undo: { ...undo, selection: toStored(undo.selection) } }),
  };
  try {
    storage.setItem(name, JSON.stringify(stored));
  } catch {
    // The storage is full. Nothing is selected after a reload then, rather than other users.
    storage.removeItem(name);
  }
};

const toStored = (selection: Selection): Stored =>
  selection.kind === 'some'
    ? { kind: 'some', ids: [...selection.ids] }
    : { kind: 'all', except: [...selection.except] };

/** @throws Error if the list of ids is missing: without it, all users would be selected */
const ofStored = (stored: Stored): Selection =>
  stored.kind === 'some'
    ? { kind: 'some', ids: setOf(stored.ids) }
    : { kind: 'all', except: setOf(stored.except) };

const setOf = (ids: unknown): ReadonlySet<string> => {
  if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return new Set(ids);
  throw new Error('The ids of the stored selection are missing');
};

/** Undefined for a text that was not written by this version of the console. */
const read = (text: string | null): SelectionState | undefined => {
  if (text === null) return undefined;
  try {
    const { queryId, selection, undo } = JSON.parse(text) as {
      queryId: string;
      selection: Stored;
      undo?: { reason: 'filterChanged' | 'cleared'; queryId: string; selection: Stored };
    };
    return {
      queryId,
      selection: ofStored(selection),
      ...(undo && { undo: { ...undo, selection: ofStored(undo.selection) } }),
    };
  } catch {
    return undefined;
  }
};
