import { useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useMe } from '../api/services.tsx';
import { itemsOf } from '../shell/navigation-items.ts';
import { ShortcutHelp } from './shortcut-help.tsx';
import { useAddShortcuts, useShortcuts } from './shortcuts.tsx';

/** The shortcuts of every page: the help, and one to each page of the navigation. */
export const FrameShortcuts = () => {
  const { key } = useMe();
  const navigate = useNavigate();
  const { setHelpOpen } = useShortcuts();
  const shortcuts = useMemo(
    () => [
      { keys: '?', label: 'Show these shortcuts', run: () => setHelpOpen(true) },
      ...itemsOf(key.role).map(({ path, name, letter }) => ({
        keys: `g ${letter}`,
        label: `Go to ${name}`,
        run: () => void navigate({ to: path }),
      })),
    ],
    [key.role, navigate, setHelpOpen],
  );
  useAddShortcuts(shortcuts);
  return <ShortcutHelp />;
};
