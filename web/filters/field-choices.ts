import { fieldNames, type PropertyTypes } from '../../selection/fields.ts';
import { nameOfProperty } from '../format/property-names.ts';

interface Choice {
  value: string;
  label: string;
}

/**
 * The system properties, then the custom ones, for a select.
 *
 * @param present stays a choice even if there is no such property any more
 */
export const fieldChoices = (
  properties: PropertyTypes,
  present: string,
): (Choice | { group: string; items: Choice[] })[] => {
  const names = fieldNames(properties);
  const unknown = present === '' || names.includes(present) ? [] : [present];
  return [
    ...unknown.map(choiceOf),
    { group: 'Of every user', items: names.filter((name) => !isCustom(name)).map(choiceOf) },
    { group: 'Of this workspace', items: names.filter(isCustom).map(choiceOf) },
  ];
};

const choiceOf = (value: string): Choice => ({ value, label: nameOfProperty(value) });

const isCustom = (name: string): boolean => name.startsWith('properties.');
