import { Button, NativeSelect } from '@mantine/core';
import { useEffect, useState } from 'react';
import { type Problem, problemOf } from '../api/problem.ts';
import { countOf } from '../format/numbers.ts';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { SelectionBar } from '../selection/selection-bar.tsx';
import { hasCondition, type UserQuery } from '../selection/user-query.ts';
import type { Column } from './table/columns.ts';
import type { ListParts } from './list-parts.ts';
import { NO_CONDITION, NoUsers } from './no-users.tsx';
import { isFirst, placeBefore, trailAfter, usersBefore } from './page-trail.ts';
import { Pager } from './pager.tsx';
import { scopeAfterCount } from './scope-words.ts';
import { type UserCount, useUserCount } from './use-user-list.ts';
import { DEFAULT_SIZE, DEFAULT_SORT, PAGE_SIZES } from './user-search.ts';
import { UserTable } from './table/user-table.tsx';
import styles from './users-page.module.css';

/** A page of more users has the way to other pages below it, too. */
const FEW = 15;

const UNKNOWN_SEGMENT = {
  title: 'There is no such segment',
  detail: 'It was deleted, or the link is not complete.',
};

/** The list with the line above it: numbers, selection and pages. */
export const UserListCard = ({ columns, ...parts }: ListParts & { columns: readonly Column[] }) => {
  const { address, segmentName, list, used } = parts;
  const { search, query, change } = address;
  const { limit = DEFAULT_SIZE, sort = DEFAULT_SORT } = search;
  const { range, isWhole, ...ways } = usePlace(parts);
  const count = useUserCount(query, {
    known: isWhole && !list.isOld ? list.users?.length : undefined,
    isReady: list.users !== undefined && !list.isOld,
  });
  return (
    <section className={styles.card} aria-label="List of users">
      <SelectionBar
        used={used}
        facts={{
          pageIds: list.pageIds,
          total: count.total,
          hasOtherPages: !isWhole,
          scope: scopeAfterCount(query, segmentName),
        }}
        count={countWords(count, range?.to, list.error !== null)}
        countAgain={count.isUnknown ? count.countAgain : undefined}
        undoFilter={useUndoFilter(parts)}
        actions={<SelectionActions {...parts} />}
      >
        <div className={styles.pages}>
          <SizeChoice limit={limit} onChange={(next) => change({ limit: next })} />
          <Pager label="Pages" range={range} {...ways} />
        </div>
      </SelectionBar>
      {list.error !== null && <ListProblem {...parts} />}
      {list.users?.length === 0 ? (
        <NoUsers isOfQuery={hasCondition(query)} address={address} />
      ) : (
        (list.users !== undefined || list.error === null) && (
          <UserTable
            list={list}
            columns={columns}
            sort={sort}
            selection={used.selection}
            onSort={(next) => change({ sort: next })}
            onTick={used.tick}
            onTickPage={used.tickPage}
          />
        )
      )}
      {(list.users?.length ?? 0) > FEW && (
        <div className={styles.foot}>
          <Pager label="Pages, below the list" range={range} {...ways} />
        </div>
      )}
    </section>
  );
};

const ListProblem = ({ list, address: { search, query, change } }: ListParts) => {
  const problem = problemOf(list.error);
  if (search.segment !== undefined && isSegmentUnknown(problem)) {
    return (
      <div className={styles.notice}>
        <ProblemNotice error={list.error} words={UNKNOWN_SEGMENT} />
        <Button variant="default" onClick={() => change({ segment: undefined })}>
          Clear
        </Button>
      </div>
    );
  }
  return (
    <div className={styles.notice}>
      <ProblemNotice error={list.error} onRetry={list.isRefused ? undefined : list.retry} />
      {list.isRefused && hasCondition(query) && (
        <Button variant="default" onClick={() => change(NO_CONDITION)}>
          Clear filter
        </Button>
      )}
    </div>
  );
};

/** The API does not find it, or its id has not the form of one. */
const isSegmentUnknown = ({ status, errors }: Problem): boolean =>
  (status === 404 || status === 400) && errors.some(({ pointer }) => pointer === '?segmentId');

/** Where the page stands in the list, and the ways to the pages before and after it. */
const usePlace = ({ address, list }: ListParts) => {
  const { search, trail, goTo, isPending } = address;
  const { nextCursor, prevCursor, isOld } = list;
  const shown = list.users?.length ?? 0;
  const isEmpty = list.users?.length === 0;
  const place = { after: search.after, trail, prevCursor, isEmpty };
  const before = usersBefore(place);
  const goBack = (): void => {
    const { after, trail: way } = placeBefore(place);
    goTo(after, way);
  };
  return {
    /** The places of the shown users. Unknown for a page from a link. */
    range:
      before === undefined || shown === 0 || isOld
        ? undefined
        : { from: before + 1, to: before + shown },
    /** The page has all users of the list. */
    isWhole: before === 0 && nextCursor === null,
    onPrevious: isFirst(place) || isPending ? undefined : goBack,
    onNext:
      nextCursor === null || isOld ? undefined : () => goTo(nextCursor, trailAfter(place, shown)),
  };
};

const countWords = (
  { total, isUnknown }: UserCount,
  seen: number | undefined,
  isFailed: boolean,
): string => {
  if (total !== undefined) return countOf(total, 'user');
  if (isUnknown) return `More than ${countOf(seen ?? 0, 'user')}`;
  return isFailed ? '' : 'Counting…';
};

/** The way back to the list whose selection was cleared, as long as this page remembers it. */
const useUndoFilter = ({ address, used }: ListParts): (() => void) | undefined => {
  const { query, queryId, change } = address;
  const [visited] = useState(() => new Map<string, UserQuery>());
  useEffect(() => {
    visited.set(queryId, query);
  }, [visited, queryId, query]);
  const before = used.undo && visited.get(used.undo.queryId);
  if (before === undefined) return undefined;
  const { q, segmentId, filter } = before;
  return () => change({ q, segment: segmentId, filter });
};

const SelectionActions = ({ address, scope }: ListParts) => {
  if ('detail' in scope.usable) return <span role="alert">{scope.usable.detail}</span>;
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        onClick={() => address.openDialog('download-selected')}
      >
        Download…
      </Button>
      <Button variant="default" size="compact-sm" onClick={() => address.openDialog('delete')}>
        Delete…
      </Button>
    </>
  );
};

const SizeChoice = ({
  limit,
  onChange,
}: {
  limit: number;
  onChange: (limit: (typeof PAGE_SIZES)[number]) => void;
}) => (
  <NativeSelect
    aria-label="Users on a page"
    className={styles.size}
    size="xs"
    value={String(limit)}
    data={PAGE_SIZES.map((size) => ({ value: String(size), label: `${size} a page` }))}
    onChange={(event) => {
      const next = PAGE_SIZES.find((size) => String(size) === event.currentTarget.value);
      if (next !== undefined) onChange(next);
    }}
  />
);
