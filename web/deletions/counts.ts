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

/** What a person saw before a preview that may be about other users. */
export interface Before {
  /** Undefined if no number was shown. */
  counts?: SeenCounts | undefined;
  /** The counts are those of a preview that has expired. */
  isExpired?: boolean;
  /** The segment was changed after the list was read. */
  isOtherSegment?: boolean;
  /** Nobody has seen the list: it was not there yet, or the page was loaded with the dialog. */
  isUnseen?: boolean;
}

/** A change that a person has to look at: what has changed, and what that means. */
export interface Change {
  title: string;
  words: string;
}

/** From so many users on, a person types their number. */
export const TYPED_FROM = 100;

/** The users that a deletion deletes: those under hold stay. */
export const deletableOf = ({ count, held }: PreviewCounts): number => count - held;

/** Whether a person has typed this number: in digits, with or without separators. */
export const isTyped = (text: string, count: number): boolean =>
  /^\d/.test(text.trim()) && text.replace(/[\s,.'’_]/g, '') === String(count);

/** Why a person has to look at a preview again; undefined if there is no reason. */
export const changeOf = (before: Before | undefined, after: PreviewCounts): Change | undefined => {
  if (before === undefined) return undefined;
  const drift = driftOf(before.counts, after);
  const reasons = [
    ...(drift === undefined ? [] : [{ title: drift.numbers, words: drift.words }]),
    ...(before.isOtherSegment ? [OTHER_SEGMENT] : []),
    ...(before.isExpired && drift === undefined ? [EXPIRED] : []),
    ...(before.isUnseen ? [UNSEEN] : []),
  ];
  const [first] = reasons;
  return first && { title: first.title, words: reasons.map(({ words }) => words).join(' ') };
};

const OTHER_SEGMENT: Change = {
  title: 'Other users.',
  words: 'Somebody has changed the segment since the list was read.',
};
const UNSEEN: Change = {
  title: 'Loaded again.',
  words: 'The list is loaded again, so other users may match than those that you saw.',
};
const EXPIRED: Change = {
  title: 'A new preview.',
  words: 'The one that you saw has expired. As many users match now, but they may be others.',
};

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
