import { formatCount, formatUsers } from '../files/format.ts';
import type { RestoreCounts } from '../workflows/contracts/jobs.ts';
import {
  downloadLog,
  type Letter,
  lookAtJob,
  type MailLink,
  type Message,
  renderLetter,
} from './letter.ts';

export interface RestoreFinished {
  jobId: string;
  workspaceName: string;
  backupId: string;
  end: { kind: 'completed' } | { kind: 'cancelled' } | { kind: 'failed'; errorType: string };
  counts: RestoreCounts;
  log: MailLink;
  job: MailLink;
}

const OUTCOMES: [keyof RestoreCounts, string][] = [
  ['selected', 'Selected'],
  ['restored', 'Restored'],
  ['present', 'Already exist, left unchanged'],
  ['notFound', 'Not deleted with this backup'],
  ['failed', 'Not restored, see the log for the reason'],
  ['unprocessed', 'Not processed'],
];

const ENDS = { completed: 'finished', cancelled: 'cancelled', failed: 'failed' } as const;

/** Sent at the end of every restore. */
export const restoreFinished = (facts: RestoreFinished): Message => {
  const heading = `Restore ${ENDS[facts.end.kind]}: ${formatUsers(facts.counts.restored)} restored`;
  const job: [string, string][] = [
    ['Restore', facts.jobId],
    ['Backup', facts.backupId],
  ];
  if (facts.end.kind === 'failed') job.push(['Error', facts.end.errorType]);
  return renderLetter({
    subject: `${heading} (${facts.workspaceName})`,
    heading,
    tone: toneOf(facts),
    paragraphs: paragraphsOf(facts),
    actions: [downloadLog(facts.log, 'The outcome for each user'), lookAtJob(facts.job)],
    tables: [
      {
        title: 'Users',
        rows: OUTCOMES.filter(([name]) => facts.counts[name] > 0 || name === 'selected').map(
          ([name, label]) => [label, formatCount(facts.counts[name])],
        ),
      },
      { title: 'The job', rows: job },
    ],
  });
};

const toneOf = ({ end, counts }: RestoreFinished): Letter['tone'] => {
  if (end.kind === 'failed') return 'bad';
  return end.kind === 'completed' && counts.restored === counts.selected ? 'good' : 'mixed';
};

const paragraphsOf = ({ counts, workspaceName, end }: RestoreFinished): string[] => {
  const { restored, present } = counts;
  const paragraphs = [
    restored === 0
      ? `No user was restored to ${workspaceName}.`
      : `Restored to ${workspaceName}: ${formatUsers(restored)}, with exactly the values from before the deletion.`,
  ];
  if (present > 0) {
    paragraphs.push(`Left unchanged, because they already exist: ${formatUsers(present)}.`);
  }
  if (counts.failed > 0) {
    paragraphs.push(
      `The database rejected ${formatUsers(counts.failed)}. The log states the reason for each. ` +
        'Fix the causes, then retry the job.',
    );
  }
  if (end.kind === 'failed') paragraphs.push('See the job for the cause.');
  return paragraphs;
};
