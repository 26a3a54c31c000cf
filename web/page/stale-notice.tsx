import { Button } from '@mantine/core';
import { problemOf } from '../api/problem.ts';
import { formatDayTime } from '../format/timestamps.ts';
import { Notice } from './notice.tsx';

/** What a query says about its last requests. */
interface Freshness {
  failureReason: unknown;
  fetchStatus: 'fetching' | 'paused' | 'idle';
  /** 0 while the page shows the data of another query. */
  dataUpdatedAt: number;
  refetch: () => Promise<unknown>;
}

/** Says since when the page shows no news: its last requests failed, or wait for a network. */
export const StaleNotice = ({ query }: { query: Freshness }) => {
  const { failureReason, fetchStatus, dataUpdatedAt, refetch } = query;
  const isOffline = fetchStatus === 'paused';
  if (failureReason === null && !isOffline) return null;
  const problem = failureReason === null ? undefined : problemOf(failureReason);
  const cause = isOffline || problem?.slug === 'unreachable' ? 'Offline' : problem?.title;
  return (
    <Notice tone="warn" role="status">
      <p>
        {cause}. {ageWordsOf(dataUpdatedAt)}
      </p>
      {problem?.requestId !== undefined && (
        <p>
          Request <code>{problem.requestId}</code>
        </p>
      )}
      <div>
        <Button variant="default" size="xs" onClick={() => void refetch()}>
          Try now
        </Button>
      </div>
    </Notice>
  );
};

/** How old the shown data is. Data of another query has no age here. */
export const ageWordsOf = (updatedAtMs: number): string =>
  updatedAtMs === 0
    ? 'You see what was here before your last change.'
    : `What you see is from ${formatDayTime(new Date(updatedAtMs))}.`;
