import { VisuallyHidden } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type ReactNode, useEffect, useMemo, useRef } from 'react';
import { isTicked, type Selection, ticksOf } from '../../selection/selection.ts';
import { type Column, MAIL } from './columns.ts';
import type { UserList } from '../use-user-list.ts';
import { UserRow } from './user-row.tsx';
import { nextSort, type UserSort } from '../user-search.ts';
import styles from './user-table.module.css';

const PLACEHOLDERS = 12;
const SORTABLE = ['userId', 'createdAt'] as const;

interface UserTableProps {
  list: UserList;
  columns: readonly Column[];
  sort: UserSort;
  selection: Selection;
  onSort: (sort: UserSort) => void;
  onTick: (id: string, isOn: boolean, isRange: boolean) => void;
  onTickPage: (isOn: boolean) => void;
}

/** A page of users. A narrow window shows the id and the mail; the rest is below each row. */
export const UserTable = (props: UserTableProps) => {
  const { list, columns, sort, selection, onSort, onTick } = props;
  const isNarrow = useMediaQuery('(max-width: 639px)', false, { getInitialValueInEffect: false });
  const { shown, more } = useMemo(
    () =>
      isNarrow
        ? {
            shown: columns.filter(({ field }) => field === MAIL),
            more: columns.filter(({ field }) => field !== MAIL),
          }
        : { shown: columns, more: undefined },
    [columns, isNarrow],
  );
  return (
    <div className={styles.scroller}>
      <table className={styles.table} aria-busy={list.isOld} data-old={list.isOld || undefined}>
        <thead>
          <tr>
            <PageTick {...props} />
            <Head field="userId" name="Id" sort={sort} onSort={onSort} />
            {shown.map(({ field, name, kind }) => (
              <Head key={field} field={field} name={name} kind={kind} sort={sort} onSort={onSort} />
            ))}
            {more !== undefined && (
              <th scope="col" className={styles.more}>
                <VisuallyHidden>More</VisuallyHidden>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {list.users?.map((user) => (
            <UserRow
              key={user.userId}
              user={user}
              columns={shown}
              moreColumns={more}
              isTicked={isTicked(selection, user.userId)}
              isOld={list.isOld}
              onTick={onTick}
            />
          ))}
          {list.users === undefined && <PlaceholderRows columns={shown.length + 3} />}
        </tbody>
      </table>
    </div>
  );
};

/** The box for all users of the page; mixed if some are ticked. */
const PageTick = ({ list, selection, onTickPage }: UserTableProps) => {
  const box = useRef<HTMLInputElement>(null);
  const ticks = ticksOf(selection, list.pageIds);
  useEffect(() => {
    if (box.current !== null) box.current.indeterminate = ticks === 'some';
  }, [ticks]);
  return (
    <td className={styles.tick}>
      <label>
        <input
          ref={box}
          type="checkbox"
          aria-label="Select all users on this page"
          checked={ticks === 'all'}
          disabled={list.isOld || list.pageIds.length === 0}
          onChange={(event) => onTickPage(event.currentTarget.checked)}
        />
      </label>
    </td>
  );
};

const Head = ({
  field,
  name,
  kind,
  sort,
  onSort,
}: {
  field: string;
  name: ReactNode;
  kind?: string;
  sort: UserSort;
  onSort: (sort: UserSort) => void;
}) => {
  const property = SORTABLE.find((one) => one === field);
  const order = sort === property ? 'ascending' : sort === `-${field}` ? 'descending' : 'none';
  if (property === undefined) {
    return (
      <th scope="col" data-kind={kind}>
        {name}
      </th>
    );
  }
  const Arrow = order === 'descending' ? ArrowDown : ArrowUp;
  return (
    <th scope="col" aria-sort={order} className={styles.sortable}>
      <button type="button" onClick={() => onSort(nextSort(property, sort))}>
        {name}
        <Arrow aria-hidden size={14} data-hidden={order === 'none' || undefined} />
      </button>
    </th>
  );
};

/** Stand for the first page while it loads, in the height of its rows. */
const PlaceholderRows = ({ columns }: { columns: number }) =>
  Array.from({ length: PLACEHOLDERS }, (_row, row) => (
    <tr key={row} className={styles.placeholder} aria-hidden>
      <td colSpan={columns}>
        <span>Loading</span>
      </td>
    </tr>
  ));
