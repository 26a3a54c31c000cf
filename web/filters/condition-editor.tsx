import { ActionIcon, NativeSelect, Select } from '@mantine/core';
import { X } from 'lucide-react';
import { useEffect, useMemo, useRef } from 'react';
import { type Field, findField, type PropertyTypes } from '../../selection/fields.ts';
import type { Condition } from '../../selection/filter.ts';
import { comparisonOf, comparisonsOf, withComparison } from './comparisons.ts';
import { fieldChoices } from './field-choices.ts';
import type { FilterProblem } from './filter-problems.ts';
import { ValueEditor } from './value-editor.tsx';
import styles from './filters.module.css';

interface ConditionProps {
  condition: Condition;
  pointer: string;
  properties: PropertyTypes;
  problems: readonly FilterProblem[];
  place: number;
  /** It was just added, so it takes the focus. */
  isNew: boolean;
  onChange: (condition: Condition | undefined) => void;
}

/** One condition: a property, a comparison and a value. */
export const ConditionEditor = ({
  condition,
  pointer,
  properties,
  problems,
  place,
  isNew,
  onChange,
}: ConditionProps) => {
  const field = findField(condition.field, properties);
  const errorOf = (part: string, words: string): string | undefined => {
    const found = problems.find(
      (problem) =>
        problem.pointer === `${pointer}/${part}` ||
        problem.pointer.startsWith(`${pointer}/${part}/`),
    );
    return found && `${words} ${found.detail}.`;
  };
  return (
    <div role="group" aria-label={`Condition ${place}`} className={styles.condition}>
      <FieldChoice
        field={condition.field}
        properties={properties}
        error={errorOf('field', 'The property')}
        isNew={isNew}
        onChange={(name) => onChange(withField(condition, name, properties))}
      />
      {field !== undefined && (
        <>
          <ComparisonChoice
            condition={condition}
            field={field}
            error={errorOf('op', 'The comparison')}
            onChange={onChange}
          />
          <ValueEditor
            condition={condition}
            kind={field.kind}
            error={errorOf('value', 'The value')}
            onChange={(value) => onChange({ ...condition, value })}
          />
        </>
      )}
      <ActionIcon
        variant="subtle"
        color="gray"
        size={36}
        className={styles.remove}
        aria-label={`Remove condition ${place}`}
        onClick={() => onChange(undefined)}
      >
        <X aria-hidden size={16} />
      </ActionIcon>
    </div>
  );
};

const FieldChoice = ({
  field,
  properties,
  error,
  isNew,
  onChange,
}: {
  field: string;
  properties: PropertyTypes;
  error: string | undefined;
  isNew: boolean;
  onChange: (field: string) => void;
}) => {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (isNew) input.current?.focus();
  }, [isNew]);
  const data = useMemo(() => fieldChoices(properties, field), [properties, field]);
  return (
    <Select
      aria-label="Property"
      placeholder="Property"
      className={styles.field}
      data={data}
      value={field === '' ? null : field}
      error={error}
      searchable
      ref={input}
      nothingFoundMessage="No such property"
      comboboxProps={{ width: 240, position: 'bottom-start' }}
      onChange={(name) => {
        if (name !== null) onChange(name);
      }}
    />
  );
};

const ComparisonChoice = ({
  condition,
  field: { kind },
  error,
  onChange,
}: {
  condition: Condition;
  field: Field;
  error: string | undefined;
  onChange: (condition: Condition) => void;
}) => {
  const all = comparisonsOf(kind);
  const present = comparisonOf(condition, kind);
  const unknown =
    present === undefined ? [{ value: condition.op as string, label: condition.op }] : [];
  return (
    <NativeSelect
      aria-label="Comparison"
      className={styles.comparison}
      value={present?.id ?? condition.op}
      data={[...unknown, ...all.map(({ id, words }) => ({ value: id, label: words }))]}
      error={error}
      onChange={(event) => {
        const next = all.find(({ id }) => id === event.currentTarget.value);
        if (next !== undefined) onChange(withComparison(condition, next, kind));
      }}
    />
  );
};

/** The value goes with the property: it was of that property. */
const withField = (condition: Condition, name: string, properties: PropertyTypes): Condition => {
  const kind = findField(name, properties)?.kind;
  const [first] = kind === undefined ? [] : comparisonsOf(kind);
  if (name === condition.field || kind === undefined || first === undefined) return condition;
  return withComparison({ field: name, op: 'is' }, first, kind);
};
