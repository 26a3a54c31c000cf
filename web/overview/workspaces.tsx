import { Skeleton } from '@mantine/core';
import { useApi } from '../api/services.tsx';
import type { components } from '../api/schema.d.ts';
import { formatCount } from '../format/numbers.ts';
import { Card } from '../page/card.tsx';
import { Delayed } from '../page/delayed.tsx';
import { TextLink } from '../page/links.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import styles from './overview.module.css';

type Workspace = components['schemas']['Workspace'];
type RequestState = NonNullable<Workspace['openRequest']>['state'];

const LIMIT = 200;

/** The states of a request that has not ended; the others do not occur here. */
const REQUEST_WORDS: Readonly<Partial<Record<RequestState, string>>> = {
  requested: 'Waits for a decision',
  open: 'Can be run',
  running: 'Running',
};

/** All workspaces, for people that see all of them. */
export const Workspaces = () => {
  const { data, error, refetch } = useApi().useQuery('get', '/v1/workspaces', {
    params: { query: { limit: LIMIT } },
  });
  return (
    <Card title="Workspaces">
      {data !== undefined ? (
        <WorkspaceTable workspaces={data.data} isAll={data.nextCursor === null} />
      ) : error !== null ? (
        <ProblemNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <Delayed>
          <Skeleton height={120} radius="sm" />
        </Delayed>
      )}
    </Card>
  );
};

const WorkspaceTable = ({
  workspaces,
  isAll,
}: {
  workspaces: readonly Workspace[];
  isAll: boolean;
}) => {
  if (workspaces.length === 0) return <p className={styles.soft}>No workspaces yet.</p>;
  return (
    <>
      <div className={styles.scroll}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Workspace</th>
              <th scope="col" className={styles.number}>
                Users, about
              </th>
              <th scope="col" className={styles.number}>
                Active jobs
              </th>
              <th scope="col">Delete all users</th>
            </tr>
          </thead>
          <tbody>
            {workspaces.map((workspace) => (
              <WorkspaceRow key={workspace.id} workspace={workspace} />
            ))}
          </tbody>
        </table>
      </div>
      {!isAll && <p className={styles.soft}>These are the first {LIMIT} workspaces by id.</p>}
    </>
  );
};

const WorkspaceRow = ({
  workspace: { id, name, usersEstimate, unfinishedJobs, openRequest },
}: {
  workspace: Workspace;
}) => (
  <tr>
    <th scope="row">
      <TextLink to="/jobs" search={{ workspace: id }}>
        {name}
      </TextLink>
    </th>
    <td className={styles.number}>{usersEstimate === null ? '–' : formatCount(usersEstimate)}</td>
    <td className={styles.number}>{formatCount(unfinishedJobs)}</td>
    <td>{openRequest === null ? 'No request' : (REQUEST_WORDS[openRequest.state] ?? '–')}</td>
  </tr>
);
