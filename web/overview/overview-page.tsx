import { Skeleton } from '@mantine/core';
import { useApi, useMe } from '../api/services.tsx';
import { formatCount } from '../format/numbers.ts';
import { useWorkspaceSize } from '../deletions/use-workspace-size.ts';
import { Card } from '../page/card.tsx';
import { Delayed } from '../page/delayed.tsx';
import { TextLink } from '../page/links.tsx';
import { Page } from '../page/page.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { StaleNotice } from '../page/stale-notice.tsx';
import { DaysPanel } from './days-panel.tsx';
import { Needs } from './needs.tsx';
import { RunningNow } from './running-now.tsx';
import { Workspaces } from './workspaces.tsx';
import styles from './overview.module.css';

const EVERY_MS = 30_000;

/** What needs the person, what runs now, and the last 30 days. */
export const OverviewPage = () => {
  const { workspace, key } = useMe();
  const query = useApi().useQuery('get', '/v1/overview', {}, { refetchInterval: EVERY_MS });
  const { data, error, refetch } = query;
  return (
    <Page title="Overview">
      <div className={styles.overview}>
        {data !== undefined && <StaleNotice query={query} />}
        {data === undefined && error !== null && (
          <ProblemNotice error={error} onRetry={() => void refetch()} />
        )}
        {key.role === 'admin' && <UserCount />}
        <Card title="What needs you">
          {data === undefined ? <Placeholder /> : <Needs attention={data.attention} />}
        </Card>
        <Card title="Running now">
          <RunningNow />
        </Card>
        <Card title="Last 30 days">
          {data === undefined ? <Placeholder /> : <DaysPanel days={data.days} />}
        </Card>
        {workspace === null && <Workspaces />}
      </div>
    </Page>
  );
};

const Placeholder = () => (
  <Delayed>
    <Skeleton height={40} radius="sm" />
  </Delayed>
);

/** The users of an admin's workspace. */
const UserCount = () => {
  const { all } = useWorkspaceSize();
  return (
    <p className={styles.figure}>
      <strong>{all === undefined ? '–' : formatCount(all)}</strong>{' '}
      <TextLink to="/users">{all === 1 ? 'user' : 'users'}</TextLink>
    </p>
  );
};
