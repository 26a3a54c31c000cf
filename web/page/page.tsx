import { useMatch } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import { useSessionState } from '../api/services.tsx';
import { useAnnouncer } from './announcer.tsx';
import styles from './page.module.css';

/**
 * A page with its heading. A change of page sets the title of the tab, moves the focus to the
 * heading and is announced.
 */
export const Page = ({
  title,
  tabTitle = title,
  tabWorkspace,
  actions,
  isWide = false,
  children,
}: {
  /** Holds no data of users. */
  title: string;
  /** The title of the tab, where it differs. */
  tabTitle?: string;
  /** The workspace of what the page shows, for people that see all of them. */
  tabWorkspace?: string | undefined;
  actions?: ReactNode;
  /** As wide as the window, for a table. */
  isWide?: boolean;
  children: ReactNode;
}) => {
  const heading = useRef<HTMLHeadingElement>(null);
  const path = useMatch({ strict: false, select: ({ pathname }) => pathname });
  const { arrive } = useAnnouncer();
  useTabTitle(tabTitle, tabWorkspace);
  const latest = useRef(title);
  useEffect(() => {
    latest.current = title;
  }, [title]);
  // Once for each page: its title may change while it is read.
  useEffect(() => arrive(heading.current, latest.current), [arrive, path]);
  return (
    <div className={styles.page} data-wide={isWide || undefined}>
      <div className={styles.head}>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions}
      </div>
      {children}
    </div>
  );
};

/** `Settings – Acme – Keepsake` */
const useTabTitle = (title: string, shown: string | undefined): void => {
  const state = useSessionState();
  const workspace = shown ?? ('info' in state ? state.info.me.workspace?.name : undefined);
  useEffect(() => {
    document.title = [title, workspace, 'Keepsake'].filter(Boolean).join(' – ');
  }, [title, workspace]);
};
