import { Skeleton } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import { useMe } from '../api/services.tsx';
import { useJob } from '../api/use-job.ts';
import { useWorkspaces } from '../api/use-workspaces.ts';
import { Delayed } from '../page/delayed.tsx';
import { Page } from '../page/page.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { StaleNotice } from '../page/stale-notice.tsx';
import { isActive, isStoppable, type Job } from './job.ts';
import { StopButton } from './parts/stop-button.tsx';
import { JobTabs } from './parts/job-tabs.tsx';
import { ProgressCard } from './progress/progress-card.tsx';
import { shareOf } from './progress/steps.ts';
import { useAnnounceJob } from './progress/use-announce-job.ts';
import { ResultCard } from './result/result-card.tsx';
import { headingOf, tabTitleOf } from './words/job-words.ts';
import styles from './job-page.module.css';

/** One page for all kinds of jobs: how far one is, what became of its users, files and facts. */
export const JobPage = () => {
  const { id } = useParams({ from: '/frame/jobs/$id' });
  const query = useJob(id);
  const { data: job, error, refetch } = query;
  const { workspace } = useMe();
  const workspaces = useWorkspaces();
  useAnnounceJob(job);
  return (
    <Page
      title={job === undefined ? 'Job' : headingOf(job)}
      tabTitle={job === undefined ? 'Job' : tabTitleOf(job, shareOf(job))}
      tabWorkspace={
        workspace === null && job !== undefined
          ? (workspaces.get(job.workspace) ?? job.workspace)
          : undefined
      }
      actions={job !== undefined && isStoppable(job) && <StopButton job={job} />}
    >
      {job === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <ProblemNotice error={error} onRetry={() => void refetch()} />
        )
      ) : (
        <div className={styles.parts}>
          <StaleNotice query={query} />
          <JobParts job={job} />
        </div>
      )}
    </Page>
  );
};

const JobParts = ({ job }: { job: Job }) => (
  <>
    {!isActive(job) && <ResultCard job={job} />}
    <ProgressCard job={job} />
    <JobTabs job={job} />
  </>
);

const Loading = () => (
  <Delayed>
    <div className={styles.parts}>
      <Skeleton height={208} radius="md" />
      <Skeleton height={320} radius="md" />
    </div>
  </Delayed>
);
