import { Button, NativeSelect } from '@mantine/core';
import { useEffect, useState } from 'react';
import { problemOf } from '../api/problem.ts';
import { countOf } from '../format/numbers.ts';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { SelectionBar } from '../selection/selection-bar.tsx';
import { hasCondition, type UserQuery } from '../selection/user-query.ts';
import type { Column } from './table/columns.ts';
import type { ListParts } from './list-parts.ts';
import { NO_CONDITION, NoUsers } from './no-users.tsx';
import { Pager } from './pager.tsx';
import { scopeAfterCount } from './scope-words.ts';
import { type UserCount, useUserCount } from './use-user-list.ts';
import { DEFAULT_SIZE, DEFAULT_SORT, PAGE_SIZES } from './user-search.ts';
import { UserTable } from './table/user-table.tsx';
import styles from './users-page.module.css';

/** A page of more users has the way to other pages below it, too. */
const FEW = 15;

/** The list with the line above it: numbers, selection and pages. */
export const UserListCard = ({ columns, ...parts }: ListParts & { columns: readonly Column[] }) => {
  const { address, segmentName, list, used } = parts;
  const { search, query, change } = address;
  const { limit = DEFAULT_SIZE, sort = DEFAULT_SORT } = search;
  const range = rangeOf(parts, limit);
  const isWhole = search.after === undefined && list.nextCursor === null;
  const count = useUserCount(query, {
    known: isWhole && !list.isOld ? list.users?.length : undefined,
    isReady: list.users !== undefined && !list.isOld,
  });
  const pages = {
    range,
    onPrevious: search.after === undefined ? undefined : address.goBack,
    onNext: list.nextCursor === null || list.isOld ? undefined : () => goOn(parts),
  };
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
          <Pager label="Pages" {...pages} />
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
          <Pager label="Pages, below the list" {...pages} />
        </div>
      )}
    </section>
  );
};

/** A refused query does not become right by another try. */
const ListProblem = ({ list, address: { query, change } }: ListParts) => {
  const { status } = problemOf(list.error);
  const isRefused = status >= 400 && status < 500 && status !== 429;
  return (
    <div className={styles.notice}>
      <ProblemNotice error={list.error} onRetry={isRefused ? undefined : list.retry} />
      {isRefused && hasCondition(query) && (
        <Button variant="default" onClick={() => change(NO_CONDITION)}>
          Clear filter
        </Button>
      )}
    </div>
  );
};

const goOn = ({ address, list }: ListParts): void => {
  if (list.nextCursor !== null) address.goForward(list.nextCursor);
};

/** The places of the shown users in the list. Unknown for a page from a link. */
const rangeOf = (
  { address: { pagesBefore }, list }: ListParts,
  limit: number,
): { from: number; to: number } | undefined => {
  const shown = list.users?.length ?? 0;
  if (pagesBefore === undefined || shown === 0 || list.isOld) return undefined;
  const before = pagesBefore * limit;
  return { from: before + 1, to: before + shown };
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
