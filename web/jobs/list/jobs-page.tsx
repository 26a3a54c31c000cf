import { Skeleton } from '@mantine/core';
import { keepPreviousData } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { useApi, useMe } from '../../api/services.tsx';
import { Delayed } from '../../page/delayed.tsx';
import { Page } from '../../page/page.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import { StaleNotice } from '../../page/stale-notice.tsx';
import { isActive } from '../job.ts';
import { EmptyJobs } from './empty-jobs.tsx';
import { JobFilters } from './job-filters.tsx';
import { JobsPager } from './jobs-pager.tsx';
import { isReversed, queryOf } from './jobs-search.ts';
import { JobsTable } from './jobs-table.tsx';
import styles from './jobs-page.module.css';

const ACTIVE_MS = 3_000;
const IDLE_MS = 30_000;
const LIMIT = 50;

/** The jobs of a workspace, or of all for people that see all, newest first. */
export const JobsPage = () => {
  const search = useSearch({ from: '/frame/jobs' });
  const { workspace } = useMe();
  const query = useApi().useQuery(
    'get',
    '/v1/jobs',
    { params: { query: { ...queryOf(search), limit: LIMIT } } },
    {
      enabled: !isReversed(search),
      placeholderData: keepPreviousData,
      // Stops by itself while the tab is hidden.
      refetchInterval: ({ state }) => (state.data?.data.some(isActive) ? ACTIVE_MS : IDLE_MS),
    },
  );
  const { data, error, isPlaceholderData, refetch } = query;
  const jobs = data?.data ?? [];
  // An empty page of another query states nothing about this one.
  const isUnknown = data === undefined || (isPlaceholderData && jobs.length === 0);
  return (
    <Page title="Jobs">
      <div className={styles.jobs}>
        <JobFilters search={search} jobs={jobs} />
        {!isUnknown && <StaleNotice query={query} />}
        {isReversed(search) ? null : isUnknown ? (
          error === null ? (
            <Delayed>
              <Skeleton height={480} radius="md" />
            </Delayed>
          ) : (
            <ProblemNotice error={error} onRetry={() => void refetch()} />
          )
        ) : jobs.length === 0 ? (
          <EmptyJobs search={search} />
        ) : (
          <JobsTable jobs={jobs} hasWorkspaces={workspace === null} isOld={isPlaceholderData} />
        )}
        <JobsPager search={search} next={isPlaceholderData ? null : (data?.nextCursor ?? null)} />
      </div>
    </Page>
  );
};
