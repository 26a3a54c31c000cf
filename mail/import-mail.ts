import type { ImportMode } from '../imports/options.ts';
import { formatCount } from '../files/format.ts';
import { IMPORT_FILE_DAYS } from '../rules/retention.ts';
import type { ImportCounts } from '../workflows/contracts/jobs.ts';
import {
  downloadLog,
  type Letter,
  lookAtJob,
  type MailLink,
  type Message,
  renderLetter,
} from './letter.ts';

export interface ImportFinished {
  jobId: string;
  workspaceName: string;
  mode: ImportMode;
  dryRun: boolean;
  end:
    | { kind: 'completed' }
    | { kind: 'cancelled' }
    | { kind: 'failed'; errorType: string; mayRetry: boolean };
  counts: ImportCounts;
  /** Number of cleared values by property, in descending order. */
  cleared: readonly { column: string; count: number }[];
  /** Errors in lines, the most frequent first. */
  problems: readonly { column: string | null; rule: string; count: number; firstLine: number }[];
  log: MailLink;
  job: MailLink;
}

const OUTCOMES: [keyof ImportCounts, string][] = [
  ['lines', 'Lines'],
  ['imported', 'New users'],
  ['merged', 'Merged into existing users'],
  ['unchanged', 'Merged, with nothing to change'],
  ['skipped', 'Skipped: the user already exists'],
  ['held', 'Not imported: the user is under legal hold'],
  ['failed', 'Failed'],
  ['partial', 'Imported without some cells'],
  ['unprocessed', 'Not processed'],
];

type Row = [label: string, value: string];

/** Maximum rows of a table. The job shows more. */
const MAX_ROWS = 10;

const SAME_FILE = `can be retried with the same file, which is kept for ${IMPORT_FILE_DAYS} days.`;

const ENDS = { completed: 'finished', cancelled: 'cancelled', failed: 'failed' } as const;

/** Sent at the end of every import. It holds counts, and no content of the file. */
export const importFinished = (facts: ImportFinished): Message => {
  const { counts, end, dryRun } = facts;
  const what = dryRun ? 'Dry run of an import' : 'Import';
  const suffix = dryRun
    ? ''
    : `: ${formatCount(counts.imported + counts.merged)} of ${formatLines(counts.lines)}`;
  const heading = `${what} ${ENDS[end.kind]}${suffix}`;
  const job: [string, string][] = [
    ['Import', facts.jobId],
    ['Mode', facts.mode],
  ];
  if (end.kind === 'failed') job.push(['Error', end.errorType]);
  const look = lookAtJob(facts.job);
  const log = downloadLog(facts.log, 'Each line that was not fully imported, and the reason');
  return renderLetter({
    subject: `${heading} (${facts.workspaceName})`,
    heading,
    tone: toneOf(facts),
    paragraphs: paragraphsOf(facts),
    actions: hasLog(counts) ? [log, look] : [look],
    tables: [
      {
        title: 'Lines',
        rows: OUTCOMES.filter(([name]) => (counts[name] ?? 0) > 0 || name === 'lines').map(
          ([name, label]) => [label, formatCount(counts[name])],
        ),
      },
      ...tableOf('Errors in lines', problemRows(facts.problems)),
      ...tableOf(
        dryRun ? 'Values that would be cleared' : 'Values that were cleared',
        clearedRows(facts.cleared),
      ),
      { title: 'The job', rows: job },
    ],
  });
};

const formatLines = (count: number): string =>
  `${formatCount(count)} ${count === 1 ? 'line' : 'lines'}`;

const toneOf = ({ end, counts }: ImportFinished): Letter['tone'] => {
  if (end.kind === 'failed') return 'bad';
  return end.kind === 'completed' && !hasLog(counts) ? 'good' : 'mixed';
};

const hasLog = ({ failed, held, partial }: ImportCounts): boolean => failed + held + partial > 0;

const paragraphsOf = ({ counts, workspaceName, dryRun, end }: ImportFinished): string[] => {
  const done = counts.imported + counts.merged;
  const paragraphs = dryRun
    ? [
        `This was a dry run: no user of ${workspaceName} was changed. Of ${formatLines(counts.lines)}, ` +
          `${formatCount(done)} can be imported.`,
      ]
    : [`Imported into ${workspaceName}: ${formatCount(done)} of ${formatLines(counts.lines)}.`];
  if (hasLog(counts))
    paragraphs.push('The log lists each line that was not fully imported, and the reason.');
  if (end.kind === 'failed') {
    paragraphs.push(
      end.mayRetry
        ? `See the job for the cause. Fix the cause, then retry the job. It ${SAME_FILE}`
        : 'See the job for the error in the file. Fix the file, then upload it again.',
    );
  }
  if (end.kind === 'cancelled') {
    paragraphs.push(`The job ${SAME_FILE}`);
  }
  return paragraphs;
};

const tableOf = (title: string, all: readonly Row[]): Letter['tables'] => {
  if (all.length === 0) return [];
  const rows = all.slice(0, MAX_ROWS);
  if (all.length > rows.length) rows.push(['Others', 'see the job']);
  return [{ title, rows }];
};

const problemRows = (problems: ImportFinished['problems']): Row[] =>
  problems.map(({ column, rule, count, firstLine }) => [
    `${column ?? 'the line'}, ${rule}`,
    `${formatLines(count)}, the first is line ${formatCount(firstLine)}`,
  ]);

const clearedRows = (cleared: ImportFinished['cleared']): Row[] =>
  cleared.map(({ column, count }) => [column, formatCount(count)]);
