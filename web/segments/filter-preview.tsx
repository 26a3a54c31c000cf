import { Button } from '@mantine/core';
import type { Filter } from '../../selection/filter.ts';
import { countOf } from '../format/numbers.ts';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { type FilterPreview, SHOWN_USERS, useFilterPreview } from './use-filter-preview.ts';
import styles from './preview.module.css';

/**
 * How many users a filter finds now, and the first of them.
 *
 * @param filter undefined while it is not complete
 */
export const FilterPreviewCard = ({ filter }: { filter: Filter | undefined }) => {
  const preview = useFilterPreview(filter);
  const { users, error, isOld, isTooLong, retry } = preview;
  return (
    <section className={styles.card} aria-labelledby="preview">
      <h2 id="preview">Users now</h2>
      {error !== null && filter !== undefined ? (
        <ProblemNotice error={error} onRetry={retry} />
      ) : (
        <>
          <p role="status" className={styles.count} data-old={isOld || undefined}>
            {filter === undefined || isTooLong ? hintOf(isTooLong) : countWords(preview)}
          </p>
          {preview.count === 'tooSlow' && !isOld && (
            <Button variant="default" size="compact-sm" className={styles.again} onClick={retry}>
              Count again
            </Button>
          )}
          {filter !== undefined && !isTooLong && users !== undefined && (
            <FirstUsers users={users} isOld={isOld} hasMore={users.length === SHOWN_USERS} />
          )}
        </>
      )}
    </section>
  );
};

const hintOf = (isTooLong: boolean): string =>
  isTooLong
    ? 'This filter is too long to be counted here. It can be saved.'
    : 'Complete the conditions to see the users.';

const countWords = ({ count, users, isOld }: FilterPreview): string => {
  if (count === 'tooSlow')
    return `More than ${countOf(users?.length ?? 0, 'user')}: the count took too long`;
  if (count === undefined) return 'Counting…';
  if (count === 0 && !isOld) return 'No user matches';
  return countOf(count, 'user');
};

const FirstUsers = ({
  users,
  isOld,
  hasMore,
}: {
  users: NonNullable<FilterPreview['users']>;
  isOld: boolean;
  hasMore: boolean;
}) =>
  users.length === 0 ? null : (
    <div data-old={isOld || undefined} className={styles.first}>
      <h3>{hasMore ? `The first ${SHOWN_USERS}` : 'All of them'}</h3>
      <ul>
        {users.map(({ userId, email, firstName, lastName }) => (
          <li key={userId}>
            <strong>{userId}</strong>
            <span>{[firstName, lastName].filter(Boolean).join(' ') || email || '–'}</span>
          </li>
        ))}
      </ul>
    </div>
  );
