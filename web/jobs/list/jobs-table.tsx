import { Link } from '@tanstack/react-router';
import { formatDuration, secondsBetween } from '../../format/durations.ts';
import { formatShare } from '../../format/numbers.ts';
import { Timestamp } from '../../format/timestamp.tsx';
import { useWorkspaces } from '../../api/use-workspaces.ts';
import { Bar } from '../../page/bar.tsx';
import { useNow } from '../../page/use-now.ts';
import { isActive, type Job } from '../job.ts';
import { shareOf } from '../progress/steps.ts';
import { resultTitleOf } from '../result/sums.ts';
import { headingOf } from '../words/job-words.ts';
import { PHASE_WORDS } from '../words/phase-words.ts';
import { StateMark } from '../words/state-mark.tsx';
import styles from './jobs-table.module.css';

const EVERY_MS = 1_000;

/** A page of jobs. In a narrow window, each is a small card. */
export const JobsTable = ({
  jobs,
  hasWorkspaces,
  isOld,
}: {
  jobs: readonly Job[];
  hasWorkspaces: boolean;
  /** The page that was asked for is on its way. */
  isOld: boolean;
}) => {
  const workspaces = useWorkspaces();
  const now = useNow(EVERY_MS, jobs.some(isActive));
  return (
    <div className={styles.frame}>
      <table className={styles.table} aria-busy={isOld}>
        <thead>
          <tr>
            <th scope="col">Job</th>
            {hasWorkspaces && <th scope="col">Workspace</th>}
            <th scope="col">State</th>
            <th scope="col">Result</th>
            <th scope="col">Started by</th>
            <th scope="col">Asked for</th>
            <th scope="col" className={styles.number}>
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <JobRow
              key={job.id}
              job={job}
              workspace={
                hasWorkspaces ? (workspaces.get(job.workspace) ?? job.workspace) : undefined
              }
              nowMs={now}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
};

const JobRow = ({
  job,
  workspace,
  nowMs,
}: {
  job: Job;
  /** Undefined where all jobs are of one. */
  workspace: string | undefined;
  nowMs: number;
}) => (
  <tr>
    <th scope="row" className={styles.job}>
      <Link to="/jobs/$id" params={{ id: job.id }}>
        {headingOf(job)}
      </Link>
    </th>
    {workspace !== undefined && <td>{workspace}</td>}
    <td>
      <StateMark state={job.state} />
    </td>
    <td>{isActive(job) ? <RowProgress job={job} /> : resultTitleOf(job)}</td>
    <td>{job.actor.ownerName}</td>
    <td>
      <Timestamp at={job.createdAt} />
    </td>
    <td className={styles.number}>
      {job.startedAt === null
        ? '–'
        : formatDuration(secondsBetween(job.startedAt, job.finishedAt, nowMs))}
    </td>
  </tr>
);

const RowProgress = ({ job }: { job: Job }) => {
  const share = shareOf(job);
  const { phase } = job;
  if (phase === null) return '–';
  const { doing, step } = PHASE_WORDS[phase];
  if (share === null) return doing;
  // Rounded down: 100 % means finished.
  const words = `${step} ${formatShare(Math.floor(share * 100) / 100)}`;
  return (
    <span className={styles.progress}>
      <Bar share={share} label={words} size={6} />
      {words}
    </span>
  );
};
