import type {
  DeletionCounts,
  ImportCounts,
  JobEnd,
  JobResult,
  JobType,
  RestoreCounts,
} from '../workflows/contracts/jobs.ts';
import { countLeft } from './left-users.ts';

/**
 * Each user or line of a job has one outcome, so the outcomes add up to the users or lines of the
 * job. A job whose sums do not close has failed.
 */

/** `selected` is null while it is unknown; the sums do not close then. */
export type SummedCounts = Omit<DeletionCounts, 'selected'> & { selected: number | null };

const IN_LOG = 'The log has the reason for each line.';

/** The sums of an import. */
export interface ImportSum {
  counts: ImportCounts;
  /** Whether `lines` is known: the file was read, at least in part. */
  isRead: boolean;
  /** Failed or held lines that may succeed in a retry of the same file. */
  refused: number;
}

/**
 * Changes the end of a completed deletion to failed if its sums do not close. The same applies if
 * the users were chosen by ids or a list and all that exist are under legal hold.
 */
export const closeDeletion = (
  counts: SummedCounts,
  end: JobEnd,
  selection: { type: string },
): JobEnd => {
  if (end.kind !== 'completed') return end;
  const { selected, held, notFound } = counts;
  const sum = sumOfDeletion(counts);
  if (selected !== sum) return notClosed(selectedText(selected), sum);
  const areNamed = selection.type === 'ids' || selection.type === 'list';
  if (!areNamed || held === 0 || held + notFound < sum) return end;
  const message =
    'No user was deleted: all chosen users that exist are under legal hold. Ask the platform team to ' +
    'clear the holds. Then delete the users again.';
  return { kind: 'failed', type: 'held', message };
};

/** Changes the end of a completed or cancelled restore to failed if its sums do not close. */
export const closeRestore = (counts: RestoreCounts, end: JobEnd): JobEnd => {
  const { selected } = counts;
  const sum = sumOfRestore(counts);
  if (end.kind === 'failed' || sum === selected) return end;
  return notClosed(selectedText(selected), sum);
};

/**
 * Changes the end of a completed import to failed if lines are missing in the sum, or if no line
 * could be imported. If not only the file was the cause, the same file may be tried again.
 */
export const closeImport = ({ counts, isRead, refused }: ImportSum, end: JobEnd): JobEnd => {
  if (end.kind !== 'completed') return end;
  const { lines, held, failed } = counts;
  const sum = sumOfImport(counts);
  if (!isRead || sum !== lines) {
    return notClosed(`${isRead ? lines : 'unknown'} lines were read`, sum);
  }
  if (lines === 0 || held + failed < lines) return end;
  const none = `None of the ${lines} lines could be imported.`;
  if (refused === 0) {
    const message = `${none} ${IN_LOG} Fix the file, then upload it again.`;
    return { kind: 'failed', type: 'everyLineFailed', message };
  }
  const message =
    `${none} For ${refused} of them, the cause is a user or the database, not the file. ${IN_LOG} ` +
    'Fix these causes, then retry the job with the same file.';
  return { kind: 'failed', type: 'everyLineRefused', message };
};

/**
 * Changes the end of a completed export to failed if no file of it was verified. A file that has
 * expired since counts as verified.
 */
export const closeExport = (
  files: readonly { verified_at: Date | null }[],
  end: JobEnd,
): JobEnd => {
  if (end.kind !== 'completed' || files.some((file) => file.verified_at !== null)) return end;
  const message = 'No file of this export was verified. Start the export again.';
  return { kind: 'failed', type: 'exportUnknown', message };
};

/** Number of users of a deletion that have an outcome. */
export const sumOfDeletion = (counts: SummedCounts): number =>
  counts.deleted +
  counts.changedSinceBackup +
  counts.notFound +
  counts.held +
  counts.failed +
  counts.unprocessed;

/** Number of lines of an import that were processed. */
export const sumOfImport = ({
  imported,
  merged,
  skipped,
  held,
  failed,
}: Omit<ImportCounts, 'unprocessed'>): number => imported + merged + skipped + held + failed;

/**
 * Adds the users of an interrupted deletion that it neither reached nor can name: the difference to
 * `selected`.
 */
export const withUnreached = (counts: SummedCounts, end: JobEnd): SummedCounts => {
  if (end.kind === 'completed' || counts.selected === null) return counts;
  const missing = counts.selected - sumOfDeletion(counts);
  return { ...counts, unprocessed: counts.unprocessed + Math.max(missing, 0) };
};

/**
 * Counts the users of a restore without an outcome as unprocessed, if their outcomes could not be
 * stored.
 */
export const withUnprocessed = (counts: RestoreCounts): RestoreCounts => {
  const missing = counts.selected - sumOfRestore(counts);
  return { ...counts, unprocessed: counts.unprocessed + Math.max(missing, 0) };
};

/** The result of a job whose end was compared with its sums. */
export const resultOf = (
  type: JobType,
  end: JobEnd,
  counts: Readonly<Record<string, number>>,
): JobResult => {
  const failures = countLeft(type, counts);
  if (end.kind === 'cancelled') return { state: 'cancelled', failures };
  if (end.kind === 'failed') {
    const { kind: _failed, ...error } = end;
    return { state: 'failed', failures, error };
  }
  return { state: failures === 0 ? 'succeeded' : 'partiallySucceeded', failures };
};

const sumOfRestore = ({
  restored,
  present,
  notFound,
  failed,
  unprocessed,
}: RestoreCounts): number => restored + present + notFound + failed + unprocessed;

const selectedText = (selected: number | null): string =>
  selected === null
    ? 'The number of selected users is not known'
    : `${selected} users were selected`;

const notClosed = (expected: string, sum: number): JobEnd => ({
  kind: 'failed',
  type: 'sumsDoNotClose',
  message: `${expected}, but the outcomes add up to ${sum}.`,
});
