import { ActionIcon, CloseButton, Drawer } from '@mantine/core';
import { Outlet, useLocation } from '@tanstack/react-router';
import { Menu as MenuIcon } from 'lucide-react';
import { useState } from 'react';
import { useMe } from '../api/services.tsx';
import { Page } from '../page/page.tsx';
import { FrameShortcuts } from '../shortcuts/frame-shortcuts.tsx';
import { JobsChip } from './jobs-chip.tsx';
import { MeMenu } from './me-menu.tsx';
import { closedTo } from './navigation-items.ts';
import { Navigation } from './navigation.tsx';
import { ThemeSwitch } from './theme-switch.tsx';
import styles from './frame.module.css';

const MAIN = 'main';

/** What surrounds every page of a person that is signed in. */
export const Frame = () => (
  <>
    <FrameShortcuts />
    <a href={`#${MAIN}`} className={styles.skip} onClick={focusMain}>
      Skip to the content
    </a>
    <div className={styles.frame}>
      <div className={styles.side}>
        <Navigation />
      </div>
      <Header />
      <main id={MAIN} tabIndex={-1} className={styles.main}>
        <AllowedPage />
      </main>
    </div>
  </>
);

/** Not by the address: a fragment in it would belong to the router. */
const focusMain = (event: { preventDefault: () => void }): void => {
  event.preventDefault();
  document.getElementById(MAIN)?.focus();
};

/** The page, or one sentence in its place for a role that may not see it. */
const AllowedPage = () => {
  const { role } = useMe().key;
  const path = useLocation({ select: ({ pathname }) => pathname });
  const closed = closedTo(role, path);
  if (closed === undefined) return <Outlet />;
  return (
    <Page key={closed.path} title={closed.name}>
      <p>{closed.only.words}</p>
    </Page>
  );
};

const Header = () => {
  const { workspace } = useMe();
  return (
    <header className={styles.header}>
      <NavigationSheet />
      <span className={styles.workspace}>{workspace?.name ?? 'All workspaces'}</span>
      <JobsChip />
      <div className={styles.tools}>
        <ThemeSwitch />
        <MeMenu />
      </div>
    </header>
  );
};

/** The navigation of a narrow window. */
const NavigationSheet = () => {
  const [isOpen, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <div className={styles.sheetButton}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={36}
        aria-label="Open the navigation"
        aria-expanded={isOpen}
        onClick={() => setOpen(true)}
      >
        <MenuIcon aria-hidden size={20} />
      </ActionIcon>
      <Drawer.Root opened={isOpen} onClose={close} size={280}>
        <Drawer.Overlay />
        <Drawer.Content aria-label="Navigation">
          <Drawer.Body className={styles.sheet}>
            <CloseButton size={36} aria-label="Close the navigation" onClick={close} />
            <Navigation onNavigate={close} />
          </Drawer.Body>
        </Drawer.Content>
      </Drawer.Root>
    </div>
  );
};
