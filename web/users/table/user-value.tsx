import type { ValueKind } from '../../../selection/fields.ts';
import { formatDate } from '../../format/dates.ts';
import { formatNumber } from '../../format/numbers.ts';
import { Timestamp } from '../../format/timestamp.tsx';
import { Breakable } from './breakable.tsx';
import { isUnknown, valueOf } from '../values.ts';
import type { Column } from './columns.ts';
import type { User } from '../use-user-list.ts';
import styles from '../users-page.module.css';

/** A value of a user, by the kind of its property. An unknown value is a dash. */
export const UserValue = ({ user, column }: { user: User; column: Column }) => {
  const value = valueOf(user, column.field);
  if (isUnknown(value)) return <span className={styles.unknown}>–</span>;
  if (column.kind === 'datetime' && typeof value === 'string' && isTime(value)) {
    return <Timestamp at={value} />;
  }
  const text = textOf(value, column.kind);
  return column.kind === 'text' ? <Breakable text={text} /> : text;
};

const isTime = (value: string): boolean => !Number.isNaN(Date.parse(value));

/** Older rows may hold a value that does not fit the type of its property. */
const textOf = (value: unknown, kind: ValueKind): string => {
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'string') return kind === 'date' ? formatDate(value) : value;
  if (Array.isArray(value)) return value.map((item) => textOf(item, kind)).join(', ');
  return JSON.stringify(value);
};
