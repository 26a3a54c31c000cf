import { Anchor } from '@mantine/core';
import { CONSOLE_PATHS } from '../../rules/console-paths.ts';
import type { Problem } from '../api/problem.ts';
import { formatShare } from '../format/numbers.ts';
import { Notice } from '../page/notice.tsx';

const DELETE_ALL = '/delete-all';
const hasDeleteAll = (CONSOLE_PATHS as readonly string[]).includes(DELETE_ALL);

/** A deletion of nearly all users needs an approval: leads to where one asks for it. */
export const NearlyEveryone = ({ problem }: { problem: Problem }) => (
  <Notice tone="warn" role="alert">
    <p>
      <strong>{wordsOf(problem)}</strong> Deleting that many needs <em>Delete all</em>: someone of
      the platform team must approve.
    </p>
    {hasDeleteAll && (
      <p>
        <Anchor href={DELETE_ALL} inherit underline="always">
          Request access
        </Anchor>
      </p>
    )}
  </Notice>
);

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

/** The share is of the users at one time. Other deletions, running or recent, count as well. */
const wordsOf = ({ data, detail }: Problem): string => {
  const { percent, taken } = data;
  if (typeof percent !== 'number') return detail;
  const these =
    taken === 0
      ? 'This deletion and those that are running'
      : 'This deletion, those that are running and earlier ones';
  const share = `${formatShare(percent / 100)} of all users`;
  return `${these} would delete ${share}, counted now or at an earlier time.`;
};
