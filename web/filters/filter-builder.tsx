import { Button } from '@mantine/core';
import { Braces } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Filter } from '../../selection/filter.ts';
import { describeFilter } from './describe-filter.ts';
import { filterOf, type FilterModel, modelOf } from './filter-model.ts';
import type { FilterProblem } from './filter-problems.ts';
import { GroupEditor } from './group-editor.tsx';
import { JsonEditor } from './json-editor.tsx';
import styles from './filters.module.css';

const EMPTY: FilterModel = { join: 'and', isNegated: false, isBare: false, items: [] };

/**
 * Edits a filter. While a person writes, the value may be incomplete: ask `problemsOf` before you
 * use it.
 *
 * @param value undefined for no filter, and only for that
 * @param properties the custom properties of the workspace; see `useProperties`
 * @param problems are shown at their conditions; the pointers begin at the filter
 */
export const FilterBuilder = ({
  value,
  onChange,
  properties,
  problems = [],
}: {
  value: Filter | undefined;
  onChange: (value: Filter | undefined) => void;
  properties: PropertyTypes;
  problems?: readonly FilterProblem[];
}) => {
  const [isJson, setJson] = useState(false);
  const model = value === undefined ? EMPTY : modelOf(value);
  if (isJson) {
    return (
      <JsonEditor
        value={value}
        onChange={onChange}
        problems={problems}
        onClose={() => setJson(false)}
      />
    );
  }
  const editJson = (
    <Button
      variant="subtle"
      size="compact-sm"
      className={styles.json}
      leftSection={<Braces aria-hidden size={16} />}
      onClick={() => setJson(true)}
    >
      Edit as JSON
    </Button>
  );
  if (model === undefined) {
    return <DeepFilter words={value && describeFilter(value, properties)}>{editJson}</DeepFilter>;
  }
  return (
    <div className={styles.builder}>
      <GroupEditor
        model={model}
        pointer=""
        properties={properties}
        problems={problems}
        onChange={(next) => onChange(next && filterOf(next))}
      />
      {editJson}
    </div>
  );
};

/** A filter with more levels than the builder shows. */
const DeepFilter = ({ words, children }: { words: string | undefined; children: ReactNode }) => (
  <div className={styles.builder}>
    <p className={styles.deep}>{words}</p>
    <p className={styles.hint}>This filter has groups within groups. Edit it as JSON.</p>
    {children}
  </div>
);
