import { countOf, formatCount } from '../format/numbers.ts';
import { countSelected, isNothing, type Selection, ticksOf } from './selection.ts';

/** What the line about a selection says, and what it offers. */
export interface SelectionWords {
  text: string;
  /** All users of the query can be selected by this button. */
  selectAll?: string;
  /** All users can be selected once their number is known. */
  waitsForCount?: boolean;
  mayClear: boolean;
}

export interface SelectionFacts {
  selection: Selection;
  pageIds: readonly string[];
  /** The number of users that the query finds; undefined while it is not known. */
  total: number | undefined;
  /** The list has more pages than this one. */
  hasOtherPages: boolean;
  /** Follows a number of users: ` in 'Churned 2024'`, or empty. */
  scope: string;
}

export const wordsOfSelection = (facts: SelectionFacts): SelectionWords => {
  const { selection, total, scope } = facts;
  if (selection.kind === 'some') return wordsOfSome(facts, selection.ids.size);
  const { size } = selection.except;
  if (size === 0) {
    const users = total === undefined ? 'users' : countOf(total, 'user');
    return { text: `All ${users}${scope} are selected.`, mayClear: true };
  }
  const leftOut = `(${formatCount(size)} left out)`;
  const count = countSelected(selection, total);
  const text =
    count === undefined || total === undefined
      ? `All users${scope} are selected ${leftOut}.`
      : `${formatCount(count)} of ${formatCount(total)} selected ${leftOut}.`;
  return { text, mayClear: true };
};

const wordsOfSome = (
  { selection, pageIds, total, hasOtherPages, scope }: SelectionFacts,
  count: number,
): SelectionWords => {
  if (isNothing(selection)) return { text: '', mayClear: false };
  const isWholePage = pageIds.length > 0 && ticksOf(selection, pageIds) === 'all';
  const text =
    isWholePage && count === pageIds.length
      ? allOfPage(count)
      : `${countOf(count, 'user')} ${count === 1 ? 'is' : 'are'} selected.`;
  const isMore = isWholePage && hasOtherPages && (total === undefined || total > count);
  if (!isMore) return { text, mayClear: true };
  return total === undefined
    ? { text, mayClear: true, waitsForCount: true }
    : { text, mayClear: true, selectAll: `Select all ${countOf(total, 'user')}${scope}` };
};

const allOfPage = (count: number): string =>
  count === 1
    ? 'The user on this page is selected.'
    : `All ${countOf(count, 'user')} on this page are selected.`;
