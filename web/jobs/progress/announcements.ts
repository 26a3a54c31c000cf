import { formatShare } from '../../format/numbers.ts';
import { isActive, type Job } from '../job.ts';
import { resultTitleOf } from '../result/sums.ts';
import { PHASE_WORDS } from '../words/phase-words.ts';
import { STATE_WORDS } from '../words/job-words.ts';
import { shareOf } from './steps.ts';

const STEP = 10;

/**
 * What a reader that does not see the page should hear after a change: a new phase, each tenth of
 * it, and the end. Undefined for any smaller change.
 */
export const announcementOf = (before: Job, after: Job): string | undefined => {
  if (!isActive(after)) return isActive(before) ? endOf(after) : undefined;
  if (after.phase === null) return undefined;
  const { doing } = PHASE_WORDS[after.phase];
  const isSamePhase = before.phase === after.phase && before.progress.pass === after.progress.pass;
  if (!isSamePhase) return `${doing}.`;
  const tenth = tenthOf(after);
  return tenth > tenthOf(before) ? `${doing}: ${formatShare((tenth * STEP) / 100)}.` : undefined;
};

/** The complete tenths of the phase. */
const tenthOf = (job: Job): number => Math.floor(((shareOf(job) ?? 0) * 100) / STEP);

const endOf = (job: Job): string => `${STATE_WORDS[job.state]}. ${resultTitleOf(job)}.`;
