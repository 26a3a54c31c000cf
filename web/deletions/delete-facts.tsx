import { describeFilter } from '../filters/describe-filter.ts';
import { isFilter } from '../filters/read-filter.ts';
import { useProperties } from '../filters/use-properties.ts';
import { countOf, formatCount } from '../format/numbers.ts';
import { Timestamp } from '../format/timestamp.tsx';
import { partsOfSelection } from '../jobs/parts/selection-words.ts';
import { Fact, Facts } from '../page/facts.tsx';
import { leftOutWordsOf } from './counts.ts';
import { Sample } from './sample.tsx';
import { ShareBar } from './share-bar.tsx';
import { useWorkspaceSize } from './use-workspace-size.ts';
import type { Preview } from './use-preview.ts';

/** What a deletion does, to whom, and how it can be undone. */
export const DeleteFacts = ({
  preview,
  scope: { words, leftOut, isOfJob = false },
}: {
  preview: Preview;
  scope: { words: string; leftOut?: number; isOfJob?: boolean };
}) => {
  const { all, limitPercent } = useWorkspaceSize();
  const { count, held, restorableUntil, sample } = preview;
  return (
    <>
      <Facts>
        <Fact name="Scope">
          {words}
          <HiddenFilter selection={preview.selection} isOfJob={isOfJob} />
        </Fact>
        {all !== undefined && (
          <Fact name="Share">
            <ShareBar count={count} all={all} limitPercent={limitPercent} />
          </Fact>
        )}
        {held > 0 && <Fact name="Held">{heldWordsOf(held)}</Fact>}
        <Missing preview={preview} leftOut={leftOut} />
        <Fact name="How">A backup is made and verified first. Only users in it are deleted.</Fact>
        <Fact name="Undo">
          You can restore them until <Timestamp at={restorableUntil} />.
        </Fact>
      </Facts>
      <Sample users={sample} />
    </>
  );
};

/** The filter that the scope does not name, as the preview has read it. */
const HiddenFilter = ({
  selection,
  isOfJob,
}: {
  selection: Preview['selection'];
  isOfJob: boolean;
}) => {
  const { properties = NO_PROPERTIES } = useProperties();
  const { filter, segmentFilter } = partsOfSelection(selection);
  const hidden = isOfJob ? filter : segmentFilter;
  return isFilter(hidden) ? <p>{describeFilter(hidden, properties)}</p> : null;
};

const NO_PROPERTIES = new Map();

/** Entries of a selection that do not mean a user. */
const Missing = ({ preview, leftOut }: { preview: Preview; leftOut: number | undefined }) => {
  const { notFound = 0, ambiguous = 0, excludedNotFound = 0 } = preview;
  const words = [
    notFound > 0 && `${countOf(notFound, 'entry matches', 'entries match')} no user.`,
    ambiguous > 0 && `${countOf(ambiguous, 'address matches', 'addresses match')} several users.`,
    excludedNotFound > 0 && leftOutWordsOf(excludedNotFound, leftOut),
  ].filter((word) => word !== false);
  return words.length === 0 ? null : <Fact name="Not found">{words.join(' ')}</Fact>;
};

const heldWordsOf = (held: number): string =>
  held === 1
    ? '1 more matches but is under legal hold; it stays.'
    : `${formatCount(held)} more match but are under legal hold; they stay.`;
