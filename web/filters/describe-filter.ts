import { findField, type PropertyTypes, type ValueKind } from '../../selection/fields.ts';
import type { Condition, Filter, Scalar } from '../../selection/filter.ts';
import { formatDate } from '../format/dates.ts';
import { countOf, formatCount } from '../format/numbers.ts';
import { nameOfProperty } from '../format/property-names.ts';
import { formatTime } from '../format/timestamps.ts';
import { comparisonOf } from './comparisons.ts';

/** The values of a list that are named; the others are counted. */
const NAMED_VALUES = 3;

/** A filter in words: `Country is “IN” and (Tags has “vip” or plan is “free”)`. */
export const describeFilter = (filter: Filter, properties: PropertyTypes): string => {
  if ('field' in filter) return describeCondition(filter, properties);
  if ('not' in filter) return `not (${describeFilter(filter.not, properties)})`;
  const [word, children] = 'and' in filter ? ['and', filter.and] : ['or', filter.or];
  if (children.length === 0) return 'no condition';
  return children
    .map((child) => {
      const words = describeFilter(child, properties);
      return isList(child) && children.length > 1 ? `(${words})` : words;
    })
    .join(` ${word} `);
};

const describeCondition = (condition: Condition, properties: PropertyTypes): string => {
  const name = nameOfProperty(condition.field);
  const kind = findField(condition.field, properties)?.kind ?? 'text';
  const words = comparisonOf(condition, kind)?.words ?? condition.op;
  const { value } = condition;
  if (value === undefined) return `${name} ${words}`;
  if (Array.isArray(value)) return `${name} ${withValue(words, describeList(value, kind))}`;
  if (typeof value !== 'object') return `${name} ${withValue(words, describeValue(value, kind))}`;
  const days = countOf(value.daysAgo, 'day');
  return `${name} ${words.includes('…') ? words.replace('… days', days) : `${words} ${days} ago`}`;
};

/** By a function: a value with `$&` stays as it is. */
const withValue = (words: string, value: string): string =>
  words.includes('…') ? words.replace('…', () => value) : `${words} ${value}`;

const isList = (filter: Filter): boolean =>
  ('and' in filter && filter.and.length > 1) || ('or' in filter && filter.or.length > 1);

const describeList = (values: readonly Scalar[], kind: ValueKind): string => {
  const named = values.slice(0, NAMED_VALUES).map((value) => describeValue(value, kind));
  const others = values.length - named.length;
  return `${named.join(', ')}${others === 0 ? '' : ` and ${formatCount(others)} more`}`;
};

const describeValue = (value: Scalar, kind: ValueKind): string => {
  if (typeof value !== 'string') return String(value);
  if (kind === 'date') return formatDate(value);
  if (kind === 'time') return value;
  if (kind === 'datetime') return describeTime(value);
  return `“${value}”`;
};

const describeTime = (value: string): string => {
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? value : formatTime(time);
};
