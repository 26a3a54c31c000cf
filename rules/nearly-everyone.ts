/**
 * Nearly all users of a workspace may only be deleted by an approved request. The database decides
 * (`admit_deletion`); this is the message about a refusal.
 */

/**
 * The counts of a refusal. Of the users that were `there` at `since`, `taken` were deleted before,
 * and `selected` would be deleted now, including those of running deletions. `since` is in UTC;
 * null means now.
 */
export interface NearlyEveryone {
  taken: number;
  selected: number;
  there: number;
  since: string | null;
}

/** The refusal as a sentence, for people. */
export const describeNearlyEveryone = ({
  taken,
  selected,
  there,
  since,
}: NearlyEveryone): string => {
  const [sum, all] = [format(taken + selected), format(there)];
  if (since === null) {
    const what =
      taken === 0 ? 'This selection contains' : 'This selection and the running deletions contain';
    return `${what} ${sum} of the ${all} users of the workspace.`;
  }
  return taken === 0
    ? `This selection contains ${sum} of the ${all} users that existed at ${since}.`
    : `This selection and the deletions since ${since} contain ${sum} of the ${all} users that existed ` +
        'at that time.';
};

/** The same as numbers, for programs. `percent` has at most one decimal place. */
export const figuresOfNearlyEveryone = ({ taken, selected, there }: NearlyEveryone) => ({
  selected,
  taken,
  all: there,
  percent: Math.round((1_000 * (taken + selected)) / there) / 10,
});

const format = (count: number): string => count.toLocaleString('en');
