import { ActionIcon } from '@mantine/core';
import { ChevronDown, Lock } from 'lucide-react';
import { type ChangeEvent, type KeyboardEvent, memo, useState } from 'react';
import { TextLink } from '../../page/links.tsx';
import { Breakable } from './breakable.tsx';
import type { Column } from './columns.ts';
import type { User } from '../use-user-list.ts';
import { UserValue } from './user-value.tsx';
import styles from './user-table.module.css';

export interface UserRowProps {
  user: User;
  columns: readonly Column[];
  /** Of a narrow table: these are shown below the row, on demand. */
  moreColumns: readonly Column[] | undefined;
  isTicked: boolean;
  isOld: boolean;
  onTick: (id: string, isOn: boolean, isRange: boolean) => void;
}

/** A user in the table. Only rows that change are drawn again. */
export const UserRow = memo(function UserRow(props: UserRowProps) {
  const { user, columns, moreColumns, isTicked, isOld, onTick } = props;
  const [isOpen, setOpen] = useState(false);
  const { userId } = user;
  const tick = (event: ChangeEvent<HTMLInputElement>): void => {
    const { nativeEvent, currentTarget } = event;
    const isRange = 'shiftKey' in nativeEvent && nativeEvent.shiftKey === true;
    onTick(userId, currentTarget.checked, isRange);
  };
  return (
    <>
      <tr className={styles.row} data-user={userId} data-ticked={isTicked || undefined}>
        <td className={styles.tick}>
          <label>
            <input
              type="checkbox"
              aria-label={`Select ${userId}`}
              checked={isTicked}
              disabled={isOld}
              onChange={tick}
              onKeyDown={moveFocus}
            />
          </label>
        </td>
        <th scope="row" className={styles.id}>
          <span>
            <TextLink to="/users/$id" params={{ id: userId }}>
              <Breakable text={userId} />
            </TextLink>
          </span>
          {user.legalHold && <Held />}
        </th>
        {columns.map((column) => (
          <td key={column.field} data-kind={column.kind}>
            <UserValue user={user} column={column} />
          </td>
        ))}
        {moreColumns !== undefined && (
          <td className={styles.more}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`More about ${userId}`}
              aria-expanded={isOpen}
              onClick={() => setOpen(!isOpen)}
            >
              <ChevronDown aria-hidden size={18} />
            </ActionIcon>
          </td>
        )}
      </tr>
      {isOpen && moreColumns !== undefined && (
        <MoreRow user={user} columns={moreColumns} span={columns.length + 3} />
      )}
    </>
  );
});

const Held = () => (
  <span className={styles.held}>
    <Lock aria-hidden size={12} /> Held
  </span>
);

const MoreRow = ({
  user,
  columns,
  span,
}: {
  user: User;
  columns: readonly Column[];
  span: number;
}) => (
  <tr className={styles.moreRow}>
    <td colSpan={span}>
      <dl>
        {columns.map((column) => (
          <div key={column.field}>
            <dt>{column.name}</dt>
            <dd>
              <UserValue user={user} column={column} />
            </dd>
          </div>
        ))}
      </dl>
    </td>
  </tr>
);

/** Arrow keys move between the boxes of the rows. */
const moveFocus = (event: KeyboardEvent<HTMLInputElement>): void => {
  const { key, currentTarget } = event;
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return;
  const boxes = [...(currentTarget.closest('tbody')?.querySelectorAll('input') ?? [])];
  const next = boxes[boxes.indexOf(currentTarget) + (key === 'ArrowDown' ? 1 : -1)];
  event.preventDefault();
  next?.focus();
};
