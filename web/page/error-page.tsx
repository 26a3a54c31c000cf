import { Button } from '@mantine/core';
import { type ErrorComponentProps, useRouter } from '@tanstack/react-router';
import { isProblem } from '../api/problem.ts';
import { isPageMissing } from './lazy-page.ts';
import { Page } from './page.tsx';
import { ProblemNotice } from './problem-notice.tsx';
import styles from './error-page.module.css';

/** Stands in place of a page that failed. The frame around it stays. */
export const ErrorPage = ({ error, reset }: ErrorComponentProps) => {
  const router = useRouter();
  if (isPageMissing(error)) return <PageMissing />;
  const tryAgain = () => {
    reset();
    void router.invalidate();
  };
  return (
    <Page title="This page could not be shown">
      <ProblemNotice error={error} onRetry={isProblem(error) ? tryAgain : reload} />
    </Page>
  );
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
