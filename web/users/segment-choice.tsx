import { Select } from '@mantine/core';
import type { Segment } from '../segments/use-segment-list.ts';
import styles from './users-page.module.css';

/** The segment whose users are listed; all users without one. */
export const SegmentChoice = ({
  segments,
  value,
  placeholder = 'All segments',
  onChange,
}: {
  segments: readonly Segment[] | undefined;
  value: string | undefined;
  placeholder?: string;
  onChange: (segmentId: string | undefined) => void;
}) => {
  const known = segments?.map(({ id, name }) => ({ value: id, label: name })) ?? [];
  const isUnknown = value !== undefined && !known.some((choice) => choice.value === value);
  const label = segments === undefined ? 'Loading…' : 'Unknown segment';
  return (
    <Select
      aria-label="Segment"
      placeholder={placeholder}
      className={styles.segment}
      data={isUnknown ? [{ value, label }, ...known] : known}
      value={value ?? null}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'Clear the segment', tabIndex: 0 }}
      nothingFoundMessage="No such segment"
      comboboxProps={{ width: 280, position: 'bottom-start' }}
      onChange={(id) => onChange(id ?? undefined)}
    />
  );
};
