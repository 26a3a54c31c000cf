import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { countOf, formatShare } from '../format/numbers.ts';
import { useActiveJobs } from '../jobs/use-active-jobs.ts';
import { useRefreshUsers } from '../jobs/use-refresh-users.ts';
import styles from './jobs-chip.module.css';

/**
 * The jobs that run now, and how far they are: `2 running · 42 %`. Once one of them has ended, the
 * users are read again.
 */
export const JobsChip = () => {
  const { data } = useActiveJobs();
  useRefreshAtEnd(data?.data);
  const jobs = (data?.data ?? []).filter(({ state }) => state !== 'queued');
  if (jobs.length === 0) return null;
  const share = shareOf(jobs.map(({ progress }) => progress));
  return (
    <Link to="/jobs" search={{ state: 'active' }} className={styles.chip}>
      {countOf(jobs.length, 'running', 'running')}
      {share !== undefined && ` · ${formatShare(share)}`}
    </Link>
  );
};

const useRefreshAtEnd = (active: readonly { id: string }[] | undefined): void => {
  const refreshUsers = useRefreshUsers();
  const before = useRef<ReadonlySet<string>>(new Set());
  useEffect(() => {
    if (active === undefined) return;
    const now = new Set(active.map(({ id }) => id));
    const hasEnded = [...before.current].some((id) => !now.has(id));
    before.current = now;
    if (hasEnded) refreshUsers();
  }, [active, refreshUsers]);
};

/** The share of all users of the present steps; undefined until a job knows its total. */
const shareOf = (
  all: readonly { processed: number; total: number | null }[],
): number | undefined => {
  const known = all.filter(({ total }) => total !== null && total > 0);
  const total = known.reduce((sum, progress) => sum + (progress.total ?? 0), 0);
  const processed = known.reduce((sum, progress) => sum + progress.processed, 0);
  // Rounded down: 100 % means finished.
  return total === 0 ? undefined : Math.floor((100 * processed) / total) / 100;
};
