import { Button } from '@mantine/core';
import { problemOf } from '../api/problem.ts';
import { formatDayTime } from '../format/timestamps.ts';
import { Notice } from './notice.tsx';

/** Says since when the page shows no news, because its last requests failed. */
export const StaleNotice = ({
  error,
  atMs,
  onRetry,
}: {
  error: unknown;
  atMs: number;
  onRetry: () => void;
}) => {
  const { slug, title, requestId } = problemOf(error);
  return (
    <Notice tone="warn" role="status">
      <p>
        {slug === 'unreachable' ? 'Offline' : title}. What you see is from{' '}
        {formatDayTime(new Date(atMs))}.
      </p>
      {requestId !== undefined && (
        <p>
          Request <code>{requestId}</code>
        </p>
      )}
      <div>
        <Button variant="default" size="xs" onClick={onRetry}>
          Try now
        </Button>
      </div>
    </Notice>
  );
};
