import { Button, Popover, TextInput } from '@mantine/core';
import { Columns3 } from 'lucide-react';
import { useState } from 'react';
import type { Column } from './columns.ts';
import styles from './column-choice.module.css';

/** So many columns are found by looking. Beyond that, a search helps. */
const FEW = 12;

/** Which properties the table shows. */
export const ColumnChoice = ({
  columns,
  shown,
  onChange,
}: {
  columns: readonly Column[];
  shown: readonly string[];
  onChange: (fields: readonly string[]) => void;
}) => {
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  const found = columns.filter(({ name }) => name.toLowerCase().includes(wanted));
  const toggle = (field: string, isOn: boolean): void => {
    const next = new Set(shown);
    if (isOn) next.add(field);
    else next.delete(field);
    // In the order of the list, whatever the order of the clicks.
    onChange(columns.map((column) => column.field).filter((one) => next.has(one)));
  };
  return (
    <Popover position="bottom-end" width={260} shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button variant="default" leftSection={<Columns3 aria-hidden size={16} />}>
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns" className={styles.choice}>
        {columns.length > FEW && (
          <TextInput
            type="search"
            aria-label="Find a column"
            placeholder="Find a column"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        )}
        <ul className={styles.list}>
          {found.map(({ field, name }) => (
            <li key={field}>
              <label className={styles.item}>
                <input
                  type="checkbox"
                  checked={shown.includes(field)}
                  onChange={(event) => toggle(field, event.currentTarget.checked)}
                />
                {name}
              </label>
            </li>
          ))}
        </ul>
        {found.length === 0 && <p className={styles.none}>No such column</p>}
      </Popover.Dropdown>
    </Popover>
  );
};
