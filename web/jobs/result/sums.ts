import { countLeft } from '../../../rules/left-users.ts';
import { countOf, formatCount } from '../../format/numbers.ts';
import type { Job, JobType } from '../job.ts';
import { isOutcome, type Outcome, OUTCOME_WORDS } from '../words/outcome-words.ts';

/** The users or lines with one outcome. */
export interface OutcomeSum {
  outcome: Outcome;
  count: number;
}

/** A row of the table of a result. */
export interface ResultRow extends OutcomeSum {
  reason: string | null;
}

/** The outcomes of a job with at least one user, in the order of the bar: as requested first. */
export const outcomesOf = ({ counts }: Pick<Job, 'counts'>): OutcomeSum[] =>
  Object.entries(counts ?? {})
    .flatMap(([name, count]) => (isOutcome(name) && count > 0 ? [{ outcome: name, count }] : []))
    .toSorted((a, b) => rankOf(a.outcome) - rankOf(b.outcome));

/** All users or lines of an ended job. */
export const selectedOf = ({ counts }: Pick<Job, 'counts'>): number =>
  counts === null ? 0 : 'lines' in counts ? counts.lines : counts.selected;

/**
 * The rows of the result: by outcome and reason, where the reasons are known. Users of an outcome
 * that no reason lists have a row of their own, so the rows add up to the counts.
 */
export const resultRowsOf = (
  sums: readonly OutcomeSum[],
  summary: readonly { outcome: string; reason: string | null; count: number }[],
): ResultRow[] =>
  sums.flatMap(({ outcome, count }) => {
    const known = summary.filter((row) => row.outcome === outcome && row.count > 0);
    const listed = known.reduce((sum, row) => sum + row.count, 0);
    const rows = known.map((row) => ({ outcome, reason: row.reason, count: row.count }));
    if (listed === count) return rows;
    // Not settled yet, or erased: the counts of the job are the truth.
    if (listed > count) return [{ outcome, reason: null, count }];
    return [...rows, { outcome, reason: null, count: count - listed }];
  });

/** The users that a retry would process: without those that no longer match. */
export const retryableOf = ({ type, counts, reasons }: Job): number => {
  const unmatched = (reasons ?? []).find(({ reason }) => reason === 'noLongerMatches');
  return Math.max(0, countLeft(type, counts ?? {}) - (unmatched?.count ?? 0));
};

/** The result as a sentence: `12,400 deleted, 31 not`. */
export const resultTitleOf = (job: Job): string => {
  const { verb, outcomes } = DONE[job.type];
  const sums = outcomesOf(job);
  const done = sums
    .filter(({ outcome }) => outcomes.includes(outcome))
    .reduce((sum, { count }) => sum + count, 0);
  const words = job.dryRun === true ? 'can be imported' : verb;
  const rest = selectedOf(job) - done;
  if (done === 0) return `${noneOf(job)} ${words}`;
  const text = `${formatCount(done)} ${words}`;
  return rest === 0 ? text : `${text}, ${formatCount(rest)} not`;
};

/** `12,400 of 12,431 users`, for people that do not see the bar. */
export const sumWordsOf = (sums: readonly OutcomeSum[], total: number, unit: string): string =>
  `${sums.map(({ outcome, count }) => `${formatCount(count)} ${OUTCOME_WORDS[outcome].name}`).join(' + ')} = ${countOf(total, unit)}`;

const DONE: Readonly<Record<JobType, { verb: string; outcomes: readonly Outcome[] }>> = {
  deletion: { verb: 'deleted', outcomes: ['deleted'] },
  restore: { verb: 'restored', outcomes: ['restored'] },
  export: { verb: 'exported', outcomes: ['exported'] },
  import: { verb: 'imported', outcomes: ['imported', 'merged'] },
};

const noneOf = ({ type }: Job): string => (type === 'import' ? 'No line' : 'No user');

const RANKS = { done: 0, left: 1, open: 2 } as const;

const rankOf = (outcome: Outcome): number => RANKS[OUTCOME_WORDS[outcome].tone];
