import { Outlet } from '@tanstack/react-router';
import { AnnouncerProvider } from '../page/announcer.tsx';
import { SignOutProvider } from './sign-out.tsx';
import { SessionDialog } from './session-dialog.tsx';
import { ShortcutsProvider } from '../shortcuts/shortcuts.tsx';

/** What surrounds every page, also the page to sign in. */
export const Root = () => (
  <AnnouncerProvider>
    <ShortcutsProvider>
      <SignOutProvider>
        <Outlet />
        <SessionDialog />
      </SignOutProvider>
    </ShortcutsProvider>
  </AnnouncerProvider>
);
