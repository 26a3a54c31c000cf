import { Timestamp } from '../../format/timestamp.tsx';
import { Card } from '../../page/card.tsx';
import { Notice } from '../../page/notice.tsx';
import type { Job } from '../job.ts';
import { StateMark } from '../words/state-mark.tsx';
import { FailureNotice } from './failure-notice.tsx';
import { OutcomeBar } from './outcome-bar.tsx';
import { ProblemTable } from './problem-table.tsx';
import { ResultButtons } from './result-buttons.tsx';
import { ResultTable } from './result-table.tsx';
import { outcomesOf, resultRowsOf, resultTitleOf, selectedOf } from './sums.ts';
import { useRecordSummary } from './use-record-summary.ts';
import styles from './result-card.module.css';

/** What became of the users of an ended job, and what can be done next. */
export const ResultCard = ({ job }: { job: Job }) => {
  const summary = useRecordSummary(job);
  const sums = outcomesOf(job);
  const total = selectedOf(job);
  const unit = job.type === 'import' ? 'line' : 'user';
  return (
    <Card>
      <div className={styles.head}>
        <h2>{resultTitleOf(job)}</h2>
        <StateMark state={job.state} />
      </div>
      {job.error !== null && <FailureNotice job={job} error={job.error} />}
      {sums.length > 0 && (
        <>
          <OutcomeBar sums={sums} total={total} unit={unit} />
          <ResultTable rows={resultRowsOf(sums, summary)} total={total} unit={unit} />
        </>
      )}
      {job.problems !== undefined && job.problems.length > 0 && (
        <ProblemTable problems={job.problems} />
      )}
      {job.erasedAt !== null && <Erased at={job.erasedAt} />}
      <ResultButtons job={job} />
    </Card>
  );
};

const Erased = ({ at }: { at: string }) => (
  <Notice tone="info">
    The records of the users were erased on <Timestamp at={at} />, with their backup or file. The
    counts, times and checksums stay as proof.
  </Notice>
);
