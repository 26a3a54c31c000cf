import type { ValueKind } from '../../selection/fields.ts';
import { type Condition, type Op, OPS_BY_KIND, type Scalar } from '../../selection/filter.ts';

/** The form of a value, which decides how it is entered. */
export type ValueForm = 'none' | 'one' | 'many' | 'daysAgo';

/** What the builder offers as one choice: an operator and the form of its value. */
export interface Comparison {
  /** `lt`, or `lt daysAgo`. */
  id: string;
  op: Op;
  form: ValueForm;
  /** The value is at `…`, or at the end. */
  words: string;
}

const DEFAULT_DAYS = 30;

/** A negation also matches users without a value. */
const BASE_WORDS: Readonly<Record<Op, string>> = {
  is: 'is',
  isNot: 'is not … (or unknown)',
  in: 'is one of',
  contains: 'contains',
  notContains: 'does not contain … (or unknown)',
  isKnown: 'is known',
  isNotKnown: 'is not known',
  lt: 'is less than',
  lte: 'is at most',
  gt: 'is more than',
  gte: 'is at least',
};

const DATE_WORDS = {
  lt: 'is before',
  lte: 'is at or before',
  gt: 'is after',
  gte: 'is at or after',
} as const satisfies Partial<Record<Op, string>>;

const LIST_WORDS = { contains: 'has', notContains: 'does not have … (or unknown)' } as const;

/** Of dates, the later of two is fewer days ago. */
const DAYS_AGO_WORDS = {
  lt: 'is more than … days ago',
  lte: 'is at least … days ago',
  gt: 'is less than … days ago',
  gte: 'is at most … days ago',
} as const satisfies Partial<Record<Op, string>>;

type WordsByOp = Readonly<Partial<Record<Op, string>>>;

const WORDS: Readonly<Record<ValueKind, WordsByOp>> = {
  text: {},
  number: {},
  boolean: {},
  list: LIST_WORDS,
  date: DATE_WORDS,
  time: DATE_WORDS,
  datetime: DATE_WORDS,
};

const relativeId = (op: Op): string => `${op} daysAgo`;

const formOf = (op: Op): ValueForm => {
  if (op === 'isKnown' || op === 'isNotKnown') return 'none';
  return op === 'in' ? 'many' : 'one';
};

const RELATIVE: readonly Comparison[] = (['lt', 'lte', 'gt', 'gte'] as const).map((op) => ({
  id: relativeId(op),
  op,
  form: 'daysAgo',
  words: DAYS_AGO_WORDS[op],
}));

const absoluteOf = (kind: ValueKind): readonly Comparison[] =>
  OPS_BY_KIND[kind].map((op) => ({
    id: op,
    op,
    form: formOf(op),
    words: WORDS[kind][op] ?? BASE_WORDS[op],
  }));

/** A time is rarely compared with one instant, so its order comes first. */
const datetimes = (): readonly Comparison[] => {
  const all = absoluteOf('datetime');
  const isOrder = ({ op }: Comparison): boolean => op in DATE_WORDS;
  return [...all.filter(isOrder), ...RELATIVE, ...all.filter((one) => !isOrder(one))];
};

const COMPARISONS: Readonly<Record<ValueKind, readonly Comparison[]>> = {
  text: absoluteOf('text'),
  number: absoluteOf('number'),
  boolean: absoluteOf('boolean'),
  list: absoluteOf('list'),
  date: [...absoluteOf('date'), ...RELATIVE],
  time: absoluteOf('time'),
  datetime: datetimes(),
};

/** The comparisons of a kind of value, the usual one first. */
export const comparisonsOf = (kind: ValueKind): readonly Comparison[] => COMPARISONS[kind];

/** The present comparison of a condition. Undefined if its kind has no such operator. */
export const comparisonOf = (
  { op, value }: Pick<Condition, 'op' | 'value'>,
  kind: ValueKind,
): Comparison | undefined => {
  const isRelative = typeof value === 'object' && !Array.isArray(value);
  return COMPARISONS[kind].find(({ id }) => id === (isRelative ? relativeId(op) : op));
};

/** A condition with another comparison. It keeps its value where that has the same form. */
export const withComparison = (
  { field, value }: Condition,
  { op, form }: Comparison,
  kind: ValueKind,
): Condition => {
  const common = { field, op };
  switch (form) {
    case 'none':
      return common;
    case 'many':
      return { ...common, value: Array.isArray(value) ? value : scalarsOf(value) };
    case 'daysAgo':
      return { ...common, value: isRelativeValue(value) ? value : { daysAgo: DEFAULT_DAYS } };
    case 'one': {
      const [first = kind === 'boolean' ? true : undefined] = scalarsOf(value);
      return first === undefined ? common : { ...common, value: first };
    }
  }
};

const isRelativeValue = (value: Condition['value']): value is { daysAgo: number } =>
  typeof value === 'object' && !Array.isArray(value);

const scalarsOf = (value: Condition['value']): Scalar[] => {
  if (Array.isArray(value)) return value;
  return value === undefined || typeof value === 'object' ? [] : [value];
};
