import { VisuallyHidden } from '@mantine/core';
import { createContext, type ReactNode, useContext, useMemo, useRef, useState } from 'react';

/** Reports a change of the page to readers that do not see it. */
export interface Announcer {
  /** Moves the focus to the heading of a new page and says its title; not for the first page. */
  arrive: (heading: HTMLElement | null, title: string) => void;
  /** Says a text in the live region. */
  say: (text: string) => void;
}

const AnnouncerContext = createContext<Announcer>({ arrive: () => {}, say: () => {} });

export const useAnnouncer = (): Announcer => useContext(AnnouncerContext);

export const AnnouncerProvider = ({ children }: { children: ReactNode }) => {
  const [text, setText] = useState('');
  const isFirst = useRef(true);
  const announcer = useMemo<Announcer>(
    () => ({
      say: setText,
      arrive: (heading, title) => {
        // A browser reads the first page by itself, and its focus belongs at the top.
        if (!isFirst.current) {
          heading?.focus();
          setText(title);
        }
        isFirst.current = false;
      },
    }),
    [],
  );
  return (
    <AnnouncerContext value={announcer}>
      {children}
      <VisuallyHidden role="status" aria-live="polite">
        {text}
      </VisuallyHidden>
    </AnnouncerContext>
  );
};
