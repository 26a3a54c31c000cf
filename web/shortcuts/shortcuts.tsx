import {
  createContext,
  type ReactNode,
  type RefObject,
  useCallback,
  useContext,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { createKeySequence } from './key-sequence.ts';
import { readSingleKeys, writeSingleKeys } from './single-keys.ts';

const TAKING =
  'input:not([type=checkbox]), textarea, select, [contenteditable], [role=dialog], [role=menu]';

export interface Shortcut {
  /** A key, or two keys that follow each other: `?`, `g u`. */
  keys: string;
  /** What it does, for the help. */
  label: string;
  run: () => void;
}

interface Shortcuts {
  /** All that act now, in the order of their parts. */
  list: readonly Shortcut[];
  isOn: boolean;
  setOn: (isOn: boolean) => void;
  isHelpOpen: boolean;
  setHelpOpen: (isOpen: boolean) => void;
  add: (shortcuts: readonly Shortcut[]) => () => void;
}

const ShortcutsContext = createContext<Shortcuts | undefined>(undefined);

export const useShortcuts = (): Shortcuts => {
  const shortcuts = useContext(ShortcutsContext);
  if (shortcuts === undefined) throw new Error('ShortcutsProvider is missing above this part');
  return shortcuts;
};

/** Adds the shortcuts of a part while it is shown. `shortcuts` must be the same between renders. */
export const useAddShortcuts = (shortcuts: readonly Shortcut[]): void => {
  const { add } = useShortcuts();
  useEffect(() => add(shortcuts), [add, shortcuts]);
};

export const ShortcutsProvider = ({ children }: { children: ReactNode }) => {
  const [groups, setGroups] = useState<readonly (readonly Shortcut[])[]>([]);
  const [isOn, setIsOn] = useState(readSingleKeys);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const list = useMemo(() => groups.flat(), [groups]);
  useKeys(list, isOn);
  const add = useCallback((shortcuts: readonly Shortcut[]) => {
    setGroups((all) => [...all, shortcuts]);
    return () => setGroups((all) => all.filter((group) => group !== shortcuts));
  }, []);
  const setOn = useCallback((next: boolean) => {
    writeSingleKeys(next);
    setIsOn(next);
  }, []);
  const value = useMemo(
    () => ({ list, isOn, setOn, isHelpOpen, setHelpOpen, add }),
    [list, isOn, setOn, isHelpOpen, add],
  );
  return <ShortcutsContext value={value}>{children}</ShortcutsContext>;
};

const useKeys = (list: readonly Shortcut[], isOn: boolean): void => {
  const wasDialogOpen = useDialogAtKey();
  useEffect(() => {
    if (!isOn) return undefined;
    const recognize = createKeySequence();
    const known = new Set(list.map(({ keys }) => keys));
    const listen = (event: KeyboardEvent): void => {
      const keys = recognize(
        {
          key: event.key,
          isModified: event.ctrlKey || event.metaKey || event.altKey,
          isInField: isTaken(event.target) || wasDialogOpen.current,
          atMs: event.timeStamp,
        },
        known,
      );
      if (keys === undefined) return;
      event.preventDefault();
      list.findLast((shortcut) => shortcut.keys === keys)?.run();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, [list, isOn, wasDialogOpen]);
};

/**
 * Whether a dialog was open when the last key was pressed, wherever the focus was. It is read
 * before all other listeners: Escape may remove the dialog before the shortcuts get the key.
 */
const useDialogAtKey = (): RefObject<boolean> => {
  const wasOpen = useRef(false);
  // Dialogs add their listeners by effects, and this one must come before them.
  useLayoutEffect(() => {
    const look = (): void => {
      const dialogs = [...document.querySelectorAll('[role=dialog]')];
      wasOpen.current = dialogs.some((dialog) => dialog.checkVisibility());
    };
    window.addEventListener('keydown', look, { capture: true });
    return () => window.removeEventListener('keydown', look, { capture: true });
  }, []);
  return wasOpen;
};

/**
 * Where keys type text or choose, and in a dialog or menu, which has keys of its own. A checkbox
 * only takes the space bar.
 */
const isTaken = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest(TAKING) !== null;
