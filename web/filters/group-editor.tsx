import { ActionIcon, Button, NativeSelect } from '@mantine/core';
import { Plus, Trash2 } from 'lucide-react';
import type { PropertyTypes } from '../../selection/fields.ts';
import { MAX_FILTER_CONDITIONS } from '../../selection/filter.ts';
import { ConditionEditor } from './condition-editor.tsx';
import { type FilterItem, type FilterModel, isGroup, pointerOf } from './filter-model.ts';
import type { FilterProblem } from './filter-problems.ts';
import { NEW_CONDITION, NEW_GROUP, useItems } from './use-items.ts';
import styles from './filters.module.css';

/** How the items of a group combine, with the words for it. */
const JOINS = {
  and: { label: 'all of', join: 'and', isNegated: false },
  or: { label: 'any of', join: 'or', isNegated: false },
  'not or': { label: 'none of', join: 'or', isNegated: true },
  'not and': { label: 'not all of', join: 'and', isNegated: true },
} as const;

interface GroupProps {
  model: FilterModel;
  /** The JSON pointer of the group in the filter. */
  pointer: string;
  properties: PropertyTypes;
  problems: readonly FilterProblem[];
  /** Undefined once no item is left. */
  onChange: (model: FilterModel | undefined) => void;
  /** The place of the group in its filter, from 1; absent for the filter itself. */
  place?: number;
}

/** Conditions, and the words that combine them. The filter itself can also have groups. */
export const GroupEditor = (props: GroupProps) => {
  const { model, pointer, problems, onChange, place } = props;
  const own = problems.find((problem) => problem.pointer === pointer && !model.isBare);
  return (
    <div
      role="group"
      aria-label={place === undefined ? 'Filter' : `Group ${place}`}
      className={place === undefined ? styles.root : styles.group}
    >
      <div className={styles.join}>
        <span>{place === undefined ? 'Users match' : 'Match'}</span>
        <JoinChoice model={model} onChange={onChange} />
        <span>these:</span>
        {place !== undefined && (
          <ActionIcon
            variant="subtle"
            color="gray"
            className={styles.remove}
            aria-label={`Remove group ${place}`}
            onClick={() => onChange(undefined)}
          >
            <Trash2 aria-hidden size={16} />
          </ActionIcon>
        )}
      </div>
      <Items {...props} />
      {own !== undefined && <p className={styles.problem}>This filter {own.detail}.</p>}
    </div>
  );
};

const JoinChoice = ({ model, onChange }: Pick<GroupProps, 'model' | 'onChange'>) => (
  <NativeSelect
    aria-label="Combination"
    className={styles.joinChoice}
    value={model.isNegated ? `not ${model.join}` : model.join}
    data={Object.entries(JOINS).map(([value, { label }]) => ({ value, label }))}
    onChange={(event) => {
      const { join, isNegated } = JOINS[event.currentTarget.value as keyof typeof JOINS];
      onChange({ ...model, join, isNegated, isBare: false });
    }}
  />
);

const Items = ({ model, pointer, properties, problems, onChange, place }: GroupProps) => {
  const { generation, added, addButton, change, add } = useItems(model, onChange);
  return (
    <>
      {model.items.map((item, index) => {
        const key = `${generation} ${index}`;
        const common = {
          pointer: pointerOf(model, pointer, index),
          properties,
          problems,
          place: index + 1,
          onChange: (next: FilterItem | undefined) => change(index, next),
        };
        return isGroup(item) ? (
          <GroupEditor key={key} {...common} model={item} />
        ) : (
          <ConditionEditor key={key} {...common} condition={item} isNew={index === added} />
        );
      })}
      <div className={styles.adders}>
        <Button
          ref={addButton}
          variant="default"
          size="compact-sm"
          leftSection={<Plus aria-hidden size={16} />}
          disabled={model.items.length >= MAX_FILTER_CONDITIONS}
          onClick={() => add(NEW_CONDITION)}
        >
          Add a condition
        </Button>
        {place === undefined && (
          <Button variant="subtle" size="compact-sm" onClick={() => add(NEW_GROUP)}>
            Add a group
          </Button>
        )}
      </div>
    </>
  );
};
