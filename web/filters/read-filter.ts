import { type Filter, OPS } from '../../selection/filter.ts';

type JsonObject = Readonly<Record<string, unknown>>;

const NOT_A_FILTER =
  'A filter is {"and": […]}, {"or": […]}, {"not": …} or {"field": …, "op": …, "value": …}.';

/** A text as a filter, or why it is none. Fields and values are not checked. */
export const parseFilter = (text: string): { filter: Filter } | { detail: string } => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { detail: 'This is not valid JSON.' };
  }
  return isFilter(json) ? { filter: json } : { detail: NOT_A_FILTER };
};

/** Whether JSON has the form of a filter. Lists may be empty: that is a problem of the filter. */
export const isFilter = (json: unknown): json is Filter => {
  if (!isObject(json)) return false;
  const names = Object.keys(json);
  const [only] = names;
  if (names.length === 1 && (only === 'and' || only === 'or')) {
    const children = json[only];
    return Array.isArray(children) && children.every(isFilter);
  }
  if (names.length === 1 && only === 'not') return isFilter(json['not']);
  return isCondition(json, names);
};

const isObject = (json: unknown): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

const isCondition = (json: JsonObject, names: readonly string[]): boolean =>
  names.every((name) => name === 'field' || name === 'op' || name === 'value') &&
  typeof json['field'] === 'string' &&
  OPS.some((op) => op === json['op']) &&
  isValue(json['value']);

const isValue = (value: unknown): boolean => {
  if (value === undefined || isScalar(value)) return true;
  if (Array.isArray(value)) return value.every(isScalar);
  if (!isObject(value)) return false;
  return Object.keys(value).length === 1 && typeof value['daysAgo'] === 'number';
};

const isScalar = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
