import type { Condition, Filter } from '../../selection/filter.ts';

/**
 * A filter as the builder shows it: conditions, and groups of conditions. {@link filterOf} makes
 * exactly the filter that {@link modelOf} read.
 */
export interface FilterModel {
  join: 'and' | 'or';
  /** The users that do not match. */
  isNegated: boolean;
  /** Its only condition stands without a list around it. */
  isBare: boolean;
  items: readonly FilterItem[];
}

/** A group has conditions only. */
export type FilterItem = Condition | FilterModel;

export const isGroup = (item: FilterItem): item is FilterModel => 'items' in item;

/** The model of a filter. Undefined if the filter has more levels than the builder shows. */
export const modelOf = (filter: Filter): FilterModel | undefined => {
  const { isNegated, inner } = unwrapped(filter);
  if ('not' in inner) return undefined;
  if ('field' in inner) {
    return { join: isNegated ? 'or' : 'and', isNegated, isBare: true, items: [inner] };
  }
  const join = 'and' in inner ? 'and' : 'or';
  const items = childrenOf(inner).map(itemOf);
  if (items.some((item) => item === undefined)) return undefined;
  const known = items.filter((item) => item !== undefined);
  return { join, isNegated, isBare: false, items: known };
};

export const filterOf = ({ join, isNegated, isBare, items }: FilterModel): Filter => {
  const nodes = items.map((item) => (isGroup(item) ? filterOf(item) : item));
  const [only] = nodes;
  const inner = isBare && nodes.length === 1 && only !== undefined ? only : listOf(join, nodes);
  return isNegated ? { not: inner } : inner;
};

/** The JSON pointer of an item, below the pointer of its model. */
export const pointerOf = (model: FilterModel, pointer: string, index: number): string => {
  const inner = model.isNegated ? `${pointer}/not` : pointer;
  return model.isBare && model.items.length === 1 ? inner : `${inner}/${model.join}/${index}`;
};

/** The model without an item; undefined if it was the last one. */
export const withoutItem = (model: FilterModel, index: number): FilterModel | undefined => {
  const items = model.items.filter((_item, at) => at !== index);
  return items.length === 0 ? undefined : { ...model, items };
};

const unwrapped = (filter: Filter): { isNegated: boolean; inner: Filter } =>
  'not' in filter ? { isNegated: true, inner: filter.not } : { isNegated: false, inner: filter };

const childrenOf = (list: { and: Filter[] } | { or: Filter[] }): readonly Filter[] =>
  'and' in list ? list.and : list.or;

/** A condition or group; undefined for deeper levels. */
const itemOf = (filter: Filter): FilterItem | undefined => {
  if ('field' in filter) return filter;
  const model = modelOf(filter);
  return model?.items.some(isGroup) === false ? model : undefined;
};

const listOf = (join: 'and' | 'or', nodes: Filter[]): Filter =>
  join === 'and' ? { and: nodes } : { or: nodes };
