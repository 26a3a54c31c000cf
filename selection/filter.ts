import { invisibleProblem } from './characters.ts';
import { type Field, findField, type PropertyTypes, type ValueKind } from './fields.ts';
import { dateTimeOf } from './date-times.ts';
import { numberProblem } from './numbers.ts';
import { parsePhone, phonePartProblem } from './phones.ts';
import type { PropertyType } from './property-types.ts';
import type { SizeProblem } from './size-first.ts';
import { itemOf } from './values.ts';

export const MAX_FILTER_DEPTH = 5;
export const MAX_FILTER_CONDITIONS = 50;
export const MAX_IN_VALUES = 1_000;
/** The longest text of a value, in characters. */
export const MAX_VALUE_LENGTH = 255;
export const MAX_DAYS_AGO = 36_500;

export const OPS = [
  'is', 'isNot', 'in', 'contains', 'notContains', 'isKnown', 'isNotKnown', 'lt', 'lte', 'gt', 'gte',
] as const; // prettier-ignore
export type Op = (typeof OPS)[number];

/** The operators for each kind of value. */
export const OPS_BY_KIND = {
  text: ['is', 'isNot', 'in', 'contains', 'notContains', 'isKnown', 'isNotKnown'],
  list: ['contains', 'notContains', 'isKnown', 'isNotKnown'],
  boolean: ['is', 'isNot', 'isKnown', 'isNotKnown'],
  number: ['is', 'isNot', 'in', 'isKnown', 'isNotKnown', 'lt', 'lte', 'gt', 'gte'],
  date: ['is', 'isNot', 'in', 'isKnown', 'isNotKnown', 'lt', 'lte', 'gt', 'gte'],
  time: ['is', 'isNot', 'in', 'isKnown', 'isNotKnown', 'lt', 'lte', 'gt', 'gte'],
  datetime: ['is', 'isNot', 'in', 'isKnown', 'isNotKnown', 'lt', 'lte', 'gt', 'gte'],
} as const satisfies Record<ValueKind, readonly Op[]>;

export type Scalar = string | number | boolean;

/** A number of days before the time at which the filter is used. */
export interface RelativeDate {
  daysAgo: number;
}

export interface Condition {
  field: string;
  op: Op;
  value?: Scalar | Scalar[] | RelativeDate | undefined;
}

export type Filter = { and: Filter[] } | { or: Filter[] } | { not: Filter } | Condition;

declare const frozen: unique symbol;
/** A filter without relative dates, so that its meaning does not change with time. */
export type FrozenFilter = Filter & { readonly [frozen]: true };

/** Whether a filter has no relative dates. */
export const isFrozen = (filter: Filter): filter is FrozenFilter => {
  if ('and' in filter) return filter.and.every(isFrozen);
  if ('or' in filter) return filter.or.every(isFrozen);
  if ('not' in filter) return isFrozen(filter.not);
  return typeof filter.value !== 'object' || Array.isArray(filter.value);
};

export interface FilterProblem {
  detail: string;
  pointer: string;
}

const TOO_DEEP = `must not be nested deeper than ${MAX_FILTER_DEPTH} levels`;
const TOO_MANY = `must have at most ${MAX_FILTER_CONDITIONS} conditions`;

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The problem of a filter that is nested too deep or has too many conditions, whatever else it is.
 * The search ends there, so that an enormous filter takes no longer than a legal one. It leaves out
 * lists with too many items, which the schema refuses unread.
 */
export const findSizeProblem = (filter: unknown): SizeProblem | undefined => {
  const open: Node[] = [{ value: filter, path: [], depth: 1 }];
  let conditions = 0;
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.depth > MAX_FILTER_DEPTH) return { detail: TOO_DEEP, path: node.path };
    const inner = nodesIn(node);
    if (inner.length === 0) conditions += 1;
    if (conditions > MAX_FILTER_CONDITIONS) return { detail: TOO_MANY, path: [] };
    open.push(...inner.toReversed());
  }
  return undefined;
};

/**
 * The problems of a filter in a workspace: unknown fields, operators or values of a wrong kind, and
 * its size. `pointer` is the JSON pointer of the filter.
 */
export const checkFilter = (
  filter: Filter,
  properties: PropertyTypes,
  pointer = '/filter',
): FilterProblem[] => {
  let conditions = 0;
  const checkCondition = (node: Condition, at: string): FilterProblem[] => {
    conditions += 1;
    const field = findField(node.field, properties);
    if (field === undefined) return [{ detail: 'is not a known property', pointer: `${at}/field` }];
    const ops: readonly Op[] = OPS_BY_KIND[field.kind];
    if (!ops.includes(node.op)) {
      return [
        { detail: `must be one of ${ops.join(', ')} for this property`, pointer: `${at}/op` },
      ];
    }
    if (node.op === 'in' && Array.isArray(node.value)) {
      return checkItems(node.value, field, `${at}/value`);
    }
    const problem = checkValue(node, field);
    return problem === undefined ? [] : [{ detail: problem, pointer: `${at}/value` }];
  };
  const check = (node: Filter, at: string, depth: number): FilterProblem[] => {
    if (depth > MAX_FILTER_DEPTH) {
      return [{ detail: TOO_DEEP, pointer: at }];
    }
    if ('not' in node) return check(node.not, `${at}/not`, depth + 1);
    if ('field' in node) return checkCondition(node, at);
    const [name, children] =
      'and' in node ? (['and', node.and] as const) : (['or', node.or] as const);
    return children.flatMap((child, i) => check(child, `${at}/${name}/${i}`, depth + 1));
  };
  const problems = check(filter, pointer, 1);
  if (conditions > MAX_FILTER_CONDITIONS) {
    problems.push({ detail: TOO_MANY, pointer });
  }
  return problems;
};

/** Copies a checked filter, and replaces relative dates by timestamps, counted back from `now`. */
export const freezeFilter = (
  filter: Filter,
  properties: PropertyTypes,
  now: Date,
): FrozenFilter => {
  const freeze = (node: Filter): Filter => {
    if ('and' in node) return { and: node.and.map(freeze) };
    if ('or' in node) return { or: node.or.map(freeze) };
    if ('not' in node) return { not: freeze(node.not) };
    const { value } = node;
    if (typeof value !== 'object' || Array.isArray(value)) return node;
    const timestamp = new Date(now.getTime() - value.daysAgo * DAY_MS).toISOString();
    const isDate = findField(node.field, properties)?.kind === 'date';
    return { ...node, value: isDate ? timestamp.slice(0, 10) : timestamp };
  };
  return freeze(filter) as FrozenFilter;
};

/** A part of what may be a filter. */
interface Node {
  value: unknown;
  path: readonly (string | number)[];
  /** From 1. */
  depth: number;
}

const nodesIn = ({ value, path, depth }: Node): Node[] => {
  if (typeof value !== 'object' || value === null) return [];
  const nodes: Node[] = [];
  for (const name of ['and', 'or'] as const) {
    const list = name in value ? (value as Record<typeof name, unknown>)[name] : undefined;
    if (!Array.isArray(list) || list.length > MAX_FILTER_CONDITIONS) continue;
    for (const [index, item] of list.entries()) {
      nodes.push({ value: item, path: [...path, name, index], depth: depth + 1 });
    }
  }
  if ('not' in value) nodes.push({ value: value.not, path: [...path, 'not'], depth: depth + 1 });
  return nodes;
};

const checkItems = (items: Scalar[], field: Field, pointer: string): FilterProblem[] =>
  items.flatMap((item, index) => {
    const detail = checkScalar(item, field, 'in');
    return detail === undefined ? [] : [{ detail, pointer: `${pointer}/${index}` }];
  });

const checkScalar = (value: Scalar, { kind, takes }: Field, op: Op): string | undefined => {
  const isText = typeof value === 'string';
  switch (kind) {
    case 'text':
    case 'list':
      return isText ? checkText(value, takes, op) : 'must be a non-empty string';
    case 'number':
      return numberProblem(value);
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'date':
      return isText && dateTimeOf(value, kind) !== undefined
        ? undefined
        : 'must be a date: YYYY-MM-DD';
    case 'time':
      return isText && dateTimeOf(value, kind) !== undefined
        ? undefined
        : 'must be a time: HH:MM:SS';
    case 'datetime':
      return isText && dateTimeOf(value, kind) !== undefined
        ? undefined
        : 'must be a time with its offset: 2026-11-23T09:30:00Z';
  }
};

const checkText = (text: string, takes: PropertyType, op: Op): string | undefined => {
  const compared = takes === 'list' ? itemOf(text) : text;
  if (compared === '') return 'must be a non-empty string';
  // With isNot and notContains, a value that no user can have would match every user.
  if (takes === 'email' || takes === 'url') return invisibleProblem(text);
  if (takes !== 'phone') return undefined;
  if (op === 'contains' || op === 'notContains') return phonePartProblem(text);
  const phone = parsePhone(text);
  return 'detail' in phone ? phone.detail : undefined;
};

const checkValue = ({ op, value }: Condition, field: Field): string | undefined => {
  if (op === 'isKnown' || op === 'isNotKnown') {
    return value === undefined ? undefined : `must be omitted for ${op}`;
  }
  if (value === undefined) return `is required for ${op}`;
  if (op === 'in') return 'must be a list for the operator in';
  if (Array.isArray(value)) return `must be a single value for ${op}, not a list`;
  if (typeof value !== 'object') return checkScalar(value, field, op);
  const isComparison = op === 'lt' || op === 'lte' || op === 'gt' || op === 'gte';
  return isComparison && (field.kind === 'date' || field.kind === 'datetime')
    ? undefined
    : 'can be relative only for a date with lt, lte, gt or gte';
};
