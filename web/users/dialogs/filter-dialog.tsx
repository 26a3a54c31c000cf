import { Button, Group } from '@mantine/core';
import { useState } from 'react';
import type { PropertyTypes } from '../../../selection/fields.ts';
import type { Filter } from '../../../selection/filter.ts';
import { FilterBuilder } from '../../filters/filter-builder.tsx';
import { type FilterProblem, problemsOf } from '../../filters/filter-problems.ts';
import { NEW_CONDITION } from '../../filters/use-items.ts';
import { Dialog } from '../../page/dialog.tsx';
import styles from '../users-page.module.css';

const WIDTH = 760;

/** Edits the filter of the list. The list changes once the filter is applied. */
export const FilterDialog = ({
  filter,
  properties,
  problems,
  onApply,
  onClose,
}: {
  filter: Filter | undefined;
  properties: PropertyTypes;
  /** Of the present filter, as the API reported them. */
  problems: readonly FilterProblem[];
  onApply: (filter: Filter | undefined) => void;
  onClose: () => void;
}) => {
  const [draft, setDraft] = useState<Filter | undefined>(filter ?? NEW_CONDITION);
  const [isTried, setTried] = useState(false);
  const own = draft === undefined ? [] : problemsOf(draft, properties);
  const shown = isTried ? own : draft === filter ? problems : [];
  const apply = (): void => {
    setTried(true);
    if (own.length === 0) onApply(draft);
  };
  return (
    <Dialog isOpen onClose={onClose} title="Filter users" width={WIDTH}>
      <form
        className={styles.dialog}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          apply();
        }}
      >
        <FilterBuilder value={draft} onChange={setDraft} properties={properties} problems={shown} />
        <Group justify="flex-end" gap="xs">
          {isTried && own.length > 0 && (
            <span role="alert" className={styles.problem}>
              Complete the marked conditions.
            </span>
          )}
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit">{draft === undefined ? 'Show all users' : 'Show users'}</Button>
        </Group>
      </form>
    </Dialog>
  );
};
