import type { Problem } from '../api/problem.ts';
import { countOf, formatCount } from '../format/numbers.ts';
import { Fact, Facts } from '../page/facts.tsx';
import { TextLink } from '../page/links.tsx';
import { Notice } from '../page/notice.tsx';
import { ShareBar } from './share-bar.tsx';
import { useWorkspaceSize } from './use-workspace-size.ts';

/**
 * A deletion of nearly all users needs an approval: states the share, and leads to how one asks.
 *
 * @param words the scope, where nothing else states it
 */
export const NearlyEveryone = ({ problem, words }: { problem: Problem; words?: string }) => {
  const figures = figuresOf(problem);
  const { all: present = 0, limitPercent } = useWorkspaceSize();
  return (
    <Notice tone="warn" role="alert">
      <p>
        <strong>{figures === undefined ? problem.detail : deletedWordsOf(figures)}</strong>{' '}
        {figures !== undefined &&
          present > figures.all - figures.taken &&
          'Users that were added later do not count.'}
      </p>
      <Facts>
        {words !== undefined && <Fact name="Scope">{words}</Fact>}
        {figures !== undefined && (
          <Fact name="Share">
            <ShareBar count={goneOf(figures)} all={figures.all} limitPercent={limitPercent} />
          </Fact>
        )}
      </Facts>
      <p>
        That many need an approval. Choose fewer users, or{' '}
        <TextLink to="/users" search={{ do: 'delete-all' }} underline="always">
          ask to delete all users
        </TextLink>
        .
      </p>
    </Notice>
  );
};

/** There is nobody to delete, so there is no button either. */
export const NobodyToDelete = ({ held }: { held: number }) => (
  <Notice tone="info" role="status">
    <p>
      {held === 0
        ? 'No user matches any more, so there is nobody to delete.'
        : 'All users that match are under legal hold. They stay, so there is nobody to delete.'}
    </p>
    {held > 0 && <p>The platform team can clear a hold.</p>}
  </Notice>
);

/** Of `all` users at one time, `taken` were deleted since; `selected` would be. */
interface Figures {
  all: number;
  taken: number;
  selected: number;
}

const figuresOf = ({ data: { all, taken, selected } }: Problem): Figures | undefined =>
  typeof all === 'number' && typeof taken === 'number' && typeof selected === 'number'
    ? { all, taken, selected }
    : undefined;

const goneOf = ({ taken, selected }: Figures): number => taken + selected;

const deletedWordsOf = (figures: Figures): string => {
  const these =
    figures.taken === 0
      ? 'This deletion and those that run'
      : 'This deletion, those that run and recent ones';
  return `${these} would delete ${formatCount(goneOf(figures))} of ${countOf(figures.all, 'user')}.`;
};
