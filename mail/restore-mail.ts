import { formatCount, formatUsers } from '../files/format.ts';
import type { RestoreCounts } from '../workflows/contract.ts';
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
  ['present', 'There already, left as they are'],
  ['notFound', 'Not deleted by this backup'],
  ['failed', 'Not restored, see the log for the reason'],
  ['unprocessed', 'Not reached'],
];

const ENDS = { completed: 'finished', cancelled: 'cancelled', failed: 'failed' } as const;

const paragraphsOf = ({ counts, workspaceName, end }: RestoreFinished): string[] => {
  const { restored, present } = counts;
  const paragraphs = [
    restored === 0
      ? `Nobody was restored to ${workspaceName}.`
      : `Back in ${workspaceName}: ${formatUsers(restored)}, each exactly as it was deleted.`,
  ];
  if (present > 0) {
    paragraphs.push(`Left as they are, since they are there already: ${formatUsers(present)}.`);
  }
  if (counts.failed > 0) {
    paragraphs.push(
      `The database did not take back ${formatUsers(counts.failed)}. The log names the reason for each. ` +
        'Remove the reason, then retry the job.',
    );
  }
  if (end.kind === 'failed') paragraphs.push('Look at the job for what went wrong.');
  return paragraphs;
};

const toneOf = ({ end, counts }: RestoreFinished): Letter['tone'] => {
  if (end.kind === 'failed') return 'bad';
  return end.kind === 'completed' && counts.restored === counts.selected ? 'good' : 'mixed';
};

/** Goes out however a restore ended. */
export const restoreFinished = (facts: RestoreFinished): Message => {
  const heading = `Restore ${ENDS[facts.end.kind]}: ${formatUsers(facts.counts.restored)} back`;
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
    actions: [downloadLog(facts.log, 'What became of each user'), lookAtJob(facts.job)],
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
