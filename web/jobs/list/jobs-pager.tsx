import { Button } from '@mantine/core';
import { useNavigate, useRouter } from '@tanstack/react-router';
import type { JobsSearch } from './jobs-search.ts';
import styles from './jobs-pager.module.css';

/** Leads to older jobs, and back. */
export const JobsPager = ({ search, next }: { search: JobsSearch; next: string | null }) => {
  const navigate = useNavigate({ from: '/jobs' });
  const router = useRouter();
  const isFirst = search.after === undefined;
  if (isFirst && next === null) return null;
  const go = (after: string | undefined) => void navigate({ search: { ...search, after } });
  return (
    <nav aria-label="Pages" className={styles.pager}>
      <Button variant="default" disabled={isFirst} onClick={() => go(undefined)}>
        Newest
      </Button>
      <Button variant="default" disabled={isFirst} onClick={() => router.history.back()}>
        Newer
      </Button>
      <Button variant="default" disabled={next === null} onClick={() => next !== null && go(next)}>
        Older
      </Button>
    </nav>
  );
};
