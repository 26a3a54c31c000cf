import { formatBytes, formatCount, formatTimestamp, formatUsers } from '../files/format.ts';
import type { SummedCounts } from '../rules/job-sums.ts';
import { countLeft } from '../rules/left-users.ts';
import {
  downloadLog,
  type Letter,
  lookAtJob,
  type MailLink,
  type Message,
  renderLetter,
} from './letter.ts';

export interface BackupFacts {
  id: string;
  rows: number;
  bytes: number;
  sha256: string;
  linkUrl: string;
  linkExpiresAt: Date;
}

export interface DeletionFinished {
  jobId: string;
  workspaceName: string;
  end: { kind: 'completed' } | { kind: 'cancelled' } | { kind: 'failed'; errorType: string };
  counts: SummedCounts;
  /** One backup per pass. */
  backups: BackupFacts[];
  /** All backups are kept until then; null if there is no backup. */
  restoreUntil: Date | null;
  /** Null if the job ended before its users were listed. */
  log: MailLink | null;
  job: MailLink;
}

const OUTCOMES: [keyof SummedCounts, string][] = [
  ['selected', 'Selected'],
  ['deleted', 'Deleted'],
  ['held', 'Under legal hold, not deleted'],
  ['changedSinceBackup', 'Changed since the backup, not deleted'],
  ['notFound', 'Not found'],
  ['failed', 'Could not be deleted'],
  ['unprocessed', 'Not processed'],
];

const ENDS = { completed: 'finished', cancelled: 'cancelled', failed: 'failed' } as const;

/** Sent at the end of every deletion. It states clearly if no user was deleted. */
export const deletionFinished = (facts: DeletionFinished): Message => {
  const heading = headingOf(facts);
  return renderLetter({
    subject: `${heading} (${facts.workspaceName})`,
    heading,
    tone: toneOf(facts),
    paragraphs: paragraphsOf(facts),
    actions: actionsOf(facts),
    tables: tablesOf(facts),
  });
};

const headingOf = (facts: DeletionFinished): string => {
  const end = `Deletion ${ENDS[facts.end.kind]}`;
  if (facts.counts.deleted === 0) return `${end}: no user was deleted`;
  if (facts.end.kind !== 'completed') return `${end}: ${deletedOf(facts)} deleted`;
  return `${end}${isPartial(facts) ? ' in part' : ''}: ${deletedOf(facts)} deleted`;
};

const deletedOf = ({ counts }: DeletionFinished): string =>
  counts.selected === null || counts.selected === counts.deleted
    ? formatUsers(counts.deleted)
    : `${formatCount(counts.deleted)} of ${formatUsers(counts.selected)}`;

const isPartial = ({ counts }: DeletionFinished): boolean => countLeft('deletion', counts) > 0;

const toneOf = (facts: DeletionFinished): Letter['tone'] => {
  if (facts.end.kind === 'failed') return 'bad';
  const isDone = facts.end.kind === 'completed' && facts.counts.deleted > 0 && !isPartial(facts);
  return isDone ? 'good' : 'mixed';
};

const paragraphsOf = (facts: DeletionFinished): string[] => {
  if (facts.counts.deleted === 0) {
    const advice = facts.end.kind === 'failed' ? ' See the job for the cause.' : '';
    const noLog =
      facts.log === null ? ' The job ended before its users were listed, so there is no log.' : '';
    return [`No user of ${facts.workspaceName} was deleted.${noLog}${advice}`];
  }
  const paragraphs = [
    `Deleted from ${facts.workspaceName}: ${deletedOf(facts)}. ` +
      'All were backed up first, and the backup was read back and verified.',
  ];
  if (facts.end.kind === 'failed') {
    paragraphs.push('Then the job failed. See the job for the cause.');
  }
  if (facts.restoreUntil !== null) {
    paragraphs.push(
      `The users can be restored until ${formatTimestamp(facts.restoreUntil)}. ` +
        'After that, the backup is destroyed and the deletion is final.',
    );
  }
  return paragraphs;
};

const actionsOf = (facts: DeletionFinished): Letter['actions'] => {
  const many = facts.backups.length > 1;
  const backups = facts.backups.map((backup, index) => ({
    label: many ? `Download backup ${index + 1} of ${facts.backups.length}` : 'Download the backup',
    url: backup.linkUrl,
    note:
      `Works until ${formatTimestamp(backup.linkExpiresAt)}. ` +
      'Anyone with this link can download the file. Each download is logged.',
  }));
  const log = facts.log === null ? [] : [downloadLog(facts.log, 'The outcome for each user')];
  return [...backups, lookAtJob(facts.job), ...log];
};

const tablesOf = (facts: DeletionFinished): Letter['tables'] => {
  const outcomes = OUTCOMES.flatMap(([name, label]): [string, string][] => {
    const count = facts.counts[name];
    const isShown = count !== null && (count > 0 || name === 'selected' || name === 'deleted');
    return isShown ? [[label, formatCount(count)]] : [];
  });
  const backups = facts.backups.map((backup, index) => ({
    title: facts.backups.length > 1 ? `Backup ${index + 1}` : 'The backup',
    rows: [
      ['Users', formatCount(backup.rows)],
      ['Size', formatBytes(backup.bytes)],
      ['SHA-256', backup.sha256],
      ['Backup', backup.id],
    ] satisfies [string, string][],
  }));
  const job: [string, string][] = [['Deletion', facts.jobId]];
  if (facts.end.kind === 'failed') job.push(['Error', facts.end.errorType]);
  return [{ title: 'Users', rows: outcomes }, ...backups, { title: 'The job', rows: job }];
};
