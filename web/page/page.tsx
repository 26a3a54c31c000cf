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
  actions,
  isWide = false,
  children,
}: {
  /** Also the title of the tab: it holds no data of users. */
  title: string;
  actions?: ReactNode;
  /** As wide as the window, for a table. */
  isWide?: boolean;
  children: ReactNode;
}) => {
  const heading = useRef<HTMLHeadingElement>(null);
  const path = useMatch({ strict: false, select: ({ pathname }) => pathname });
  const { arrive } = useAnnouncer();
  useTabTitle(title);
  useEffect(() => arrive(heading.current, title), [arrive, path, title]);
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
const useTabTitle = (title: string): void => {
  const state = useSessionState();
  const workspace = 'info' in state ? state.info.me.workspace?.name : undefined;
  useEffect(() => {
    document.title = [title, workspace, 'Keepsake'].filter(Boolean).join(' – ');
  }, [title, workspace]);
};
