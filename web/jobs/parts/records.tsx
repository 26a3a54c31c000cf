import { Button, Group, NativeSelect, Skeleton } from '@mantine/core';
import { useState } from 'react';
import { Delayed } from '../../page/delayed.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import { StaleNotice } from '../../page/stale-notice.tsx';
import type { Job } from '../job.ts';
import { outcomesOf } from '../result/sums.ts';
import { OUTCOME_WORDS } from '../words/outcome-words.ts';
import { RecordTable } from './record-table.tsx';
import { useRecords } from './use-records.ts';
import styles from './records.module.css';

/** What became of each user or line of a job, in pages. */
export const Records = ({ job }: { job: Job }) => {
  const [outcome, setOutcome] = useState('');
  // The cursors of the pages before this one: the last one begins it.
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const { query, ...page } = useRecords(job, outcome, cursors.at(-1));
  const { data, error, isPlaceholderData, refetch } = page;
  const choose = (next: string): void => {
    setOutcome(next);
    setCursors([]);
  };
  if (error !== null && (data === undefined || isPlaceholderData)) {
    return <ProblemNotice error={error} onRetry={() => void refetch()} />;
  }
  const next = data?.nextCursor ?? null;
  // An empty page of another outcome states nothing about this one.
  const isUnknown = data === undefined || (isPlaceholderData && data.rows.length === 0);
  return (
    <div className={styles.records}>
      {data !== undefined && <StaleNotice query={query} />}
      {job.type !== 'import' && <OutcomeSelect job={job} outcome={outcome} onChoose={choose} />}
      {isUnknown ? (
        <Delayed>
          <Skeleton height={320} />
        </Delayed>
      ) : (
        <RecordTable rows={data.rows} isOfLines={job.type === 'import'} isOld={isPlaceholderData} />
      )}
      {(cursors.length > 0 || next !== null) && (
        <Group gap="xs">
          <Button
            variant="default"
            disabled={cursors.length === 0}
            onClick={() => setCursors(cursors.slice(0, -1))}
          >
            Previous
          </Button>
          <Button
            variant="default"
            disabled={next === null || isPlaceholderData}
            onClick={() => next !== null && setCursors([...cursors, next])}
          >
            Next
          </Button>
        </Group>
      )}
    </div>
  );
};

const OutcomeSelect = ({
  job,
  outcome,
  onChoose,
}: {
  job: Job;
  outcome: string;
  onChoose: (outcome: string) => void;
}) => (
  <NativeSelect
    label="Outcome"
    className={styles.select}
    value={outcome}
    onChange={(event) => onChoose(event.currentTarget.value)}
    data={[
      { value: '', label: 'All' },
      ...outcomesOf(job).map((sum) => ({
        value: sum.outcome,
        label: OUTCOME_WORDS[sum.outcome].name,
      })),
    ]}
  />
);
