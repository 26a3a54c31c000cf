/**
 * Nearly all users of a workspace may only be deleted by an approved request. The database decides
 * (`admit_deletion`); this is the message about a refusal.
 */

/**
 * The counts of a refusal, each of the users that were `there` at `since`. `taken` were deleted by
 * running and recent deletions. `selected` would be deleted from now on, by the refused deletion or
 * by those that are running. `since` is in UTC; null means now.
 */
export interface NearlyEveryone {
  taken: number;
  selected: number;
  there: number;
  since: string | null;
}

/** The refusal as a sentence, for people. It states no number of the refused deletion alone. */
export const describeNearlyEveryone = ({
  taken,
  selected,
  there,
  since,
}: NearlyEveryone): string => {
  const time = since === null ? 'of the workspace' : `that existed at ${since}`;
  const share = `would delete ${format(taken + selected)} of the ${format(there)} users ${time}.`;
  if (taken === 0) return `This deletion and those that are running ${share}`;
  return (
    `This deletion, those that are running and earlier ones ${share} ` +
    `${format(taken)} of them ${taken === 1 ? 'is' : 'are'} deleted already.`
  );
};

/** The same as numbers, for programs. `percent` has at most one decimal place. */
export const figuresOfNearlyEveryone = ({ taken, selected, there }: NearlyEveryone) => ({
  selected,
  taken,
  all: there,
  percent: Math.round((1_000 * (taken + selected)) / there) / 10,
});

const format = (count: number): string => count.toLocaleString('en');
