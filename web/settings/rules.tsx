import { Anchor, Skeleton } from '@mantine/core';
import { useApi } from '../api/services.tsx';
import type { components } from '../api/schema.d.ts';
import { formatBytes } from '../format/bytes.ts';
import { formatLength } from '../format/durations.ts';
import { countOf, formatCount, formatShare } from '../format/numbers.ts';
import { Card } from '../page/card.tsx';
import { Delayed } from '../page/delayed.tsx';
import { Fact, Facts } from '../page/facts.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';

type Settings = components['schemas']['Settings'];

/** The rules and limits that this installation has. */
export const Rules = () => {
  const { data, error, refetch } = useApi().useQuery('get', '/v1/settings', {});
  return (
    <Card title="Rules">
      {data !== undefined ? (
        <RuleFacts settings={data} />
      ) : error !== null ? (
        <ProblemNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <Delayed>
          <Skeleton height={240} radius="sm" />
        </Delayed>
      )}
    </Card>
  );
};

const RuleFacts = ({
  settings: { deleteAll, retention, limits, version, temporalUiUrl },
}: {
  settings: Settings;
}) => (
  <Facts>
    <Fact name="Approval">
      Needed to delete more than {formatShare(deleteAll.percent / 100)} of a workspace with{' '}
      {countOf(deleteAll.leastUsers, 'user')} or more. Deletions within{' '}
      {formatLength(deleteAll.memorySeconds)} count together.
    </Fact>
    <Fact name="Delete all users">
      The platform team decides within {formatLength(deleteAll.lapseSeconds)}. Any admin can run an
      approved request for {formatLength(deleteAll.windowSeconds)}.
    </Fact>
    <Fact name="Backups">
      Kept for {countOf(retention.backupDays, 'day')}, at most{' '}
      {countOf(retention.maxBackupYears, 'year')} if they are extended.
    </Fact>
    <Fact name="Files">
      Exported files are kept for {countOf(retention.exportDays, 'day')}, imported files for{' '}
      {countOf(retention.importFileDays, 'day')}.
    </Fact>
    <Fact name="Largest import">
      {formatBytes(limits.importBytes)} and {formatCount(limits.importLines)} lines
    </Fact>
    <Fact name="Version">{version}</Fact>
    {temporalUiUrl !== null && (
      <Fact name="Temporal">
        <Anchor href={temporalUiUrl} target="_blank" rel="noreferrer" inherit>
          Open the Temporal UI
        </Anchor>
      </Fact>
    )}
  </Facts>
);
