import { type RefObject, useEffect, useMemo, useRef } from 'react';
import { isNothing, isTicked } from '../selection/selection.ts';
import type { UsedSelection } from '../selection/use-selection.ts';
import { useAddShortcuts } from '../shortcuts/shortcuts.tsx';

/**
 * The keys of the list of users. `Delete` opens a dialog, and never deletes. While `isOld`, the
 * rows are of another page or query, and no key selects or deletes them.
 */
export const useUserShortcuts = (
  searchBox: RefObject<HTMLInputElement | null>,
  list: { used: UsedSelection; isOld: boolean; openDelete: () => void },
): void => {
  const latest = useRef(list);
  useEffect(() => {
    latest.current = list;
  });
  const shortcuts = useMemo(
    () => [
      { keys: '/', label: 'Search', run: () => searchBox.current?.focus() },
      { keys: 'x', label: 'Select the user in focus', run: () => tickFocused(latest.current) },
      { keys: 'Escape', label: 'Clear the selection', run: () => latest.current.used.clear() },
      {
        keys: 'Delete',
        label: 'Delete the selected users',
        run: () => {
          const { used, isOld, openDelete } = latest.current;
          if (!isOld && !isNothing(used.selection)) openDelete();
        },
      },
    ],
    [searchBox],
  );
  useAddShortcuts(shortcuts);
};

const tickFocused = ({
  used: { selection, tick },
  isOld,
}: {
  used: UsedSelection;
  isOld: boolean;
}): void => {
  if (isOld) return;
  const id = document.activeElement?.closest<HTMLElement>('[data-user]')?.dataset['user'];
  if (id !== undefined) tick(id, !isTicked(selection, id), false);
};
