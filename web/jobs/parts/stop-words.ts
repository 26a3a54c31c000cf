import { countOf, formatCount } from '../../format/numbers.ts';
import { deletedSoFar, type Job, sizeOf } from '../job.ts';

/** What a stop leaves: that which is done stays done, and the rest stays as it is. */
export const stopWordsOf = (job: Job): string => {
  const size = sizeOf(job);
  switch (job.type) {
    case 'deletion': {
      const deleted = deletedSoFar(job);
      if (deleted === 0) return 'Nobody is deleted yet. All of them stay.';
      const rest = restOf(size, deleted);
      return `${formatCount(deleted)} ${areOf(deleted)} deleted and can be restored. ${rest} stay.`;
    }
    case 'restore': {
      const restored = doneIn(job, 'restoring');
      if (restored === 0) return 'Nobody is restored yet. The backup stays.';
      const rest = restOf(size, restored);
      return `${formatCount(restored)} ${areOf(restored)} restored. ${rest} stay deleted, and can be restored later.`;
    }
    case 'import': {
      const lines = doneIn(job, 'importing');
      if (job.dryRun === true) return 'A dry run changes nothing.';
      if (lines === 0) return 'No line is imported yet.';
      return `${countOf(lines, 'line is', 'lines are')} imported and stay. ${restOf(size, lines)} are not.`;
    }
    case 'export':
      return 'No file is made.';
  }
};

/** `The other 4,400`. */
const restOf = (size: number | null, done: number): string =>
  size === null ? 'The others' : `The other ${formatCount(Math.max(0, size - done))}`;

const areOf = (count: number): string => (count === 1 ? 'is' : 'are');

const doneIn = ({ phase, progress }: Job, counted: Job['phase']): number =>
  phase === counted ? progress.processed : 0;
