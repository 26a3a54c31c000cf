import { Button } from '@mantine/core';
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router';
import { useCallback, useEffect } from 'react';
import { isProblem } from '../api/problem.ts';
import { isAway, retryDelayMs } from '../api/retry.ts';
import { useSession } from '../api/services.tsx';
import type { Session } from '../api/session.ts';
import { isPageMissing } from './lazy-page.ts';
import { Page } from './page.tsx';
import { ProblemNotice } from './problem-notice.tsx';
import styles from './error-page.module.css';

/** Stands in place of a page that failed. The frame around it stays. */
export const ErrorPage = ({ error, reset }: ErrorComponentProps) => {
  const router = useRouter();
  const tryAgain = useCallback((): void => {
    reset();
    void router.invalidate();
  }, [reset, router]);
  useRecovery(error, tryAgain);
  if (isPageMissing(error)) return <PageMissing />;
  return (
    <Page title="This page could not be shown">
      <ProblemNotice error={error} onRetry={isProblem(error) ? tryAgain : reload} />
    </Page>
  );
};

/** Stands in place of the frame, too: nothing is known about the person. */
export const ErrorWithoutFrame = (failure: ErrorComponentProps) => (
  <main className={styles.alone}>
    <ErrorPage {...failure} />
  </main>
);

/** The only request before a page is that for the session. Once it is answered, the page is too. */
const useRecovery = (error: unknown, onRecovered: () => void): void => {
  const session = useSession();
  useEffect(() => {
    if (!isProblem(error) || !isAway(error)) return undefined;
    const ask = () => void recover(session, onRecovered);
    const timer = setInterval(ask, retryDelayMs({ retryAfterSeconds: undefined }));
    return () => clearInterval(timer);
  }, [error, session, onRecovered]);
};

/** A hidden tab does not ask. */
const recover = async (session: Session, onRecovered: () => void): Promise<void> => {
  if (document.visibilityState !== 'visible') return;
  try {
    await session.find();
  } catch {
    return;
  }
  onRecovered();
};

const reload = (): void => location.reload();

const PageMissing = () => (
  <Page title="This page could not be loaded">
    <div className={styles.text}>
      <p>Keepsake was updated while this tab was open, or the connection failed.</p>
      <div>
        <Button onClick={reload}>Reload</Button>
      </div>
    </div>
  </Page>
);
