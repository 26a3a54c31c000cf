import { Button, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { Filter } from '../../selection/filter.ts';
import type { FilterProblem } from './filter-problems.ts';
import { parseFilter } from './read-filter.ts';
import styles from './filters.module.css';

/** Stands for a text that cannot be read: a filter without a condition is refused everywhere. */
const UNREADABLE: Filter = { and: [] };

/** The filter as text, for what the builder does not show. */
export const JsonEditor = ({
  value,
  onChange,
  problems,
  onClose,
}: {
  value: Filter | undefined;
  onChange: (value: Filter | undefined) => void;
  problems: readonly FilterProblem[];
  onClose: () => void;
}) => {
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value, null, 2));
  const read = text.trim() === '' ? undefined : parseFilter(text);
  const unreadable = read !== undefined && 'detail' in read ? read.detail : undefined;
  const [first] = problems;
  const error = unreadable ?? (first && `${first.pointer || 'The filter'} ${first.detail}.`);
  const write = (next: string): void => {
    setText(next);
    if (next.trim() === '') return onChange(undefined);
    const parsed = parseFilter(next);
    onChange('filter' in parsed ? parsed.filter : UNREADABLE);
  };
  return (
    <div className={styles.builder}>
      <Textarea
        label="Filter as JSON"
        className={styles.code}
        autosize
        minRows={8}
        maxRows={20}
        spellCheck={false}
        value={text}
        error={error}
        onChange={(event) => write(event.currentTarget.value)}
      />
      <Button
        variant="subtle"
        size="compact-sm"
        className={styles.json}
        disabled={unreadable !== undefined}
        onClick={onClose}
      >
        Back to the form
      </Button>
    </div>
  );
};
