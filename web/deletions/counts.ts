import { countOf, formatCount } from '../format/numbers.ts';

/** The users that a preview has counted. */
export interface PreviewCounts {
  /** All that match, with those under hold. */
  count: number;
  held: number;
}

/** The users that a person saw before: in a preview, or as the number of a list. */
export interface SeenCounts {
  count: number;
  /** Undefined in a list, which does not count them. */
  held: number | undefined;
}

/** From so many users on, a person types their number. */
export const TYPED_FROM = 100;

/** The users that a deletion deletes: those under hold stay. */
export const deletableOf = ({ count, held }: PreviewCounts): number => count - held;

/** Whether a person has typed this number: in digits, with or without separators. */
export const isTyped = (text: string, count: number): boolean =>
  /^\d/.test(text.trim()) && text.replace(/[\s,.'’_]/g, '') === String(count);

/** A change of the count in words: the numbers, and what they mean; undefined if none changed. */
export const driftOf = (
  before: SeenCounts | undefined,
  after: PreviewCounts,
): { numbers: string; words: string } | undefined => {
  if (before === undefined) return undefined;
  const more = after.count - before.count;
  if (more !== 0) {
    const sign = more > 0 ? '+' : '−';
    const size = Math.abs(more);
    return {
      numbers: `${formatCount(before.count)} → ${formatCount(after.count)} (${sign}${formatCount(size)}).`,
      words: `${formatCount(size)} ${more > 0 ? 'more' : 'fewer'} ${usersMatch(size)} than you saw.`,
    };
  }
  if (before.held === undefined || after.held === before.held) return undefined;
  return {
    numbers: `${formatCount(before.held)} → ${formatCount(after.held)}.`,
    words: `${countOf(after.held, 'user is', 'users are')} under legal hold now.`,
  };
};

/**
 * The users that were left out and do not exist.
 *
 * @param leftOut all that were left out; undefined if their number is not known
 */
export const leftOutWordsOf = (missing: number, leftOut: number | undefined): string => {
  const all =
    leftOut === undefined
      ? 'the users that were left out'
      : `the ${countOf(leftOut, 'user')} that you left out`;
  return `${formatCount(missing)} of ${all} ${missing === 1 ? 'does' : 'do'} not exist.`;
};

const usersMatch = (count: number): string => (count === 1 ? 'user matches' : 'users match');
