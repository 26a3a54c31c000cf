import { type RefObject, useEffect, useMemo, useRef } from 'react';
import { isNothing, isTicked } from '../selection/selection.ts';
import type { UsedSelection } from '../selection/use-selection.ts';
import { useAddShortcuts } from '../shortcuts/shortcuts.tsx';

/** The keys of the list of users. `Delete` opens a dialog, and never deletes. */
export const useUserShortcuts = (
  searchBox: RefObject<HTMLInputElement | null>,
  used: UsedSelection,
  openDelete: () => void,
): void => {
  const latest = useRef({ used, openDelete });
  useEffect(() => {
    latest.current = { used, openDelete };
  });
  const shortcuts = useMemo(
    () => [
      { keys: '/', label: 'Search', run: () => searchBox.current?.focus() },
      { keys: 'x', label: 'Select the user in focus', run: () => tickFocused(latest.current.used) },
      { keys: 'Escape', label: 'Clear the selection', run: () => latest.current.used.clear() },
      {
        keys: 'Delete',
        label: 'Delete the selected users',
        run: () => {
          const { used, openDelete } = latest.current;
          if (!isNothing(used.selection)) openDelete();
        },
      },
    ],
    [searchBox],
  );
  useAddShortcuts(shortcuts);
};

const tickFocused = ({ selection, tick }: UsedSelection): void => {
  const id = document.activeElement?.closest<HTMLElement>('[data-user]')?.dataset['user'];
  if (id !== undefined) tick(id, !isTicked(selection, id), false);
};
