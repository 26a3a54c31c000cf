import { useRef, useState } from 'react';
import type { Condition } from '../../selection/filter.ts';
import { type FilterItem, type FilterModel, withoutItem } from './filter-model.ts';

export const NEW_CONDITION: Condition = { field: '', op: 'is' };

export const NEW_GROUP: FilterModel = {
  join: 'or',
  isNegated: false,
  isBare: false,
  items: [NEW_CONDITION],
};

/** Changes of the items of a group, and where the focus goes after them. */
export const useItems = (
  model: FilterModel,
  onChange: (model: FilterModel | undefined) => void,
) => {
  const { items } = model;
  const [generation, setGeneration] = useState(0);
  const [added, setAdded] = useState<number>();
  const addButton = useRef<HTMLButtonElement>(null);

  const remove = (index: number): void => {
    setGeneration(generation + 1);
    setAdded(undefined);
    addButton.current?.focus();
    onChange(withoutItem(model, index));
  };
  const change = (index: number, item: FilterItem | undefined): void => {
    if (item === undefined) remove(index);
    else onChange({ ...model, items: items.map((old, at) => (at === index ? item : old)) });
  };
  const add = (item: FilterItem): void => {
    setAdded(items.length);
    onChange({ ...model, isBare: false, items: [...items, item] });
  };

  return {
    /** Part of the keys of the items: after a removal, no input keeps the text of another item. */
    generation,
    /** The index of the item that was just added. */
    added,
    addButton,
    change,
    add,
  };
};
