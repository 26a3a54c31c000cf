import { Skeleton } from '@mantine/core';
import { useApi, useMe } from '../api/services.tsx';
import { STATE_GROUPS } from '../jobs/list/jobs-search.ts';
import { JobsTable } from '../jobs/list/jobs-table.tsx';
import { Delayed } from '../page/delayed.tsx';
import { TextLink } from '../page/links.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { StaleNotice } from '../page/stale-notice.tsx';
import styles from './overview.module.css';

const ACTIVE_MS = 3_000;
const IDLE_MS = 30_000;
const LIMIT = 5;

/** The newest jobs that have not ended. */
export const RunningNow = () => {
  const { workspace } = useMe();
  const query = useApi().useQuery(
    'get',
    '/v1/jobs',
    { params: { query: { state: [...STATE_GROUPS.active.states], limit: LIMIT } } },
    // Stops by itself while the tab is hidden.
    { refetchInterval: ({ state }) => (state.data?.data.length ? ACTIVE_MS : IDLE_MS) },
  );
  const { data, error, refetch } = query;
  if (data === undefined) {
    if (error !== null) return <ProblemNotice error={error} onRetry={() => void refetch()} />;
    return (
      <Delayed>
        <Skeleton height={40} radius="sm" />
      </Delayed>
    );
  }
  return (
    <>
      <StaleNotice query={query} />
      {data.data.length === 0 ? (
        <p className={styles.soft}>No job is running.</p>
      ) : (
        <JobsTable jobs={data.data} hasWorkspaces={workspace === null} isOld={false} />
      )}
      <p>
        <TextLink to="/jobs" search={data.nextCursor === null ? {} : { state: 'active' }}>
          {data.nextCursor === null ? 'All jobs' : 'All active jobs'}
        </TextLink>
      </p>
    </>
  );
};
