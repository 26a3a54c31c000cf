import { Anchor, Skeleton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useApi } from '../../api/services.tsx';
import { countOf } from '../../format/numbers.ts';
import { Timestamp } from '../../format/timestamp.tsx';
import { Delayed } from '../../page/delayed.tsx';
import { Fact, Facts } from '../../page/facts.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';

/** The backup that a restore reads, and the deletion that made it. */
export const SourceBackup = ({ id }: { id: string }) => {
  const { data, error, refetch } = useApi().useQuery('get', '/v1/backups/{id}', {
    params: { path: { id } },
  });
  if (error !== null) return <ProblemNotice error={error} onRetry={() => void refetch()} />;
  if (data === undefined) {
    return (
      <Delayed>
        <Skeleton height={88} />
      </Delayed>
    );
  }
  return (
    <Facts>
      <Fact name="Backup">{countOf(data.rows ?? 0, 'user')}</Fact>
      <Fact name="Made by">
        <Anchor
          inherit
          underline="always"
          renderRoot={(props) => (
            <Link to="/jobs/$id" params={{ id: data.deletionId }} {...props} />
          )}
        >
          the deletion
        </Anchor>
      </Fact>
      <Fact name={data.removedAt === null ? 'Kept until' : 'Removed'}>
        <Timestamp at={data.removedAt ?? data.expiresAt} />
      </Fact>
    </Facts>
  );
};
