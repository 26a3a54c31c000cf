import { countOf, formatCount } from '../format/numbers.ts';

/** What a restore would do. */
export interface RestoreCounts {
  restorable: number;
  /** Users that exist again, and are left alone. */
  present: number;
  /** The backups with users to restore. */
  backupIds: readonly string[];
}

/** What a restore does, and which users it leaves alone. */
export const restoreWordsOf = ({
  restorable,
  present,
}: Pick<RestoreCounts, 'restorable' | 'present'>): string => {
  if (restorable === 0 && present === 0)
    return 'No user was deleted, so there is nothing to restore.';
  if (restorable === 0) return 'All of them are there again, so there is nothing to restore.';
  const words = 'They come back as they were, byte for byte.';
  if (present === 0) return words;
  return `${words} ${formatCount(present)} ${present === 1 ? 'is there again and is' : 'are there again and are'} left alone.`;
};

/** What became of the restores of several backups, of which some were refused. */
export const partlyStartedWordsOf = (started: number, refused: number): string =>
  `${countOf(started, 'restore has', 'restores have')} started. ${countOf(refused, 'other was', 'others were')} refused.`;
