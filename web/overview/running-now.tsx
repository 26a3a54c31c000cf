import { Skeleton } from '@mantine/core';
import { useMe } from '../api/services.tsx';
import { JobsTable } from '../jobs/list/jobs-table.tsx';
import { useActiveJobs } from '../jobs/use-active-jobs.ts';
import { Delayed } from '../page/delayed.tsx';
import { TextLink } from '../page/links.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { StaleNotice } from '../page/stale-notice.tsx';
import styles from './overview.module.css';

/** The list of jobs has the others. */
const MOST_SHOWN = 5;

/** The newest jobs that have not ended. */
export const RunningNow = () => {
  const { workspace } = useMe();
  const query = useActiveJobs();
  const { data, error, refetch } = query;
  if (data === undefined) {
    if (error !== null) return <ProblemNotice error={error} onRetry={() => void refetch()} />;
    return (
      <Delayed>
        <Skeleton height={40} radius="sm" />
      </Delayed>
    );
  }
  const jobs = data.data;
  const isAll = jobs.length <= MOST_SHOWN;
  return (
    <>
      <StaleNotice query={query} />
      {jobs.length === 0 ? (
        <p className={styles.soft}>
          {error === null ? 'No job is running.' : 'No job was running then.'}
        </p>
      ) : (
        <JobsTable
          jobs={jobs.slice(0, MOST_SHOWN)}
          hasWorkspaces={workspace === null}
          isOld={false}
        />
      )}
      <p>
        <TextLink to="/jobs" search={isAll ? {} : { state: 'active' }}>
          {isAll ? 'All jobs' : 'All active jobs'}
        </TextLink>
      </p>
    </>
  );
};
