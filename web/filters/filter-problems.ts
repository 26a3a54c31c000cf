import type { PropertyTypes } from '../../selection/fields.ts';
import {
  checkFilter,
  type Condition,
  type Filter,
  type FilterProblem,
  MAX_DAYS_AGO,
  MAX_IN_VALUES,
  MAX_VALUE_LENGTH,
} from '../../selection/filter.ts';

/** A place of a filter, with the words for its problem. The pointer begins at the filter. */
export type { FilterProblem } from '../../selection/filter.ts';

/** The problems for which the API would refuse a filter. */
export const problemsOf = (filter: Filter, properties: PropertyTypes): FilterProblem[] => {
  const problems = formProblems(filter, '');
  const seen = new Set(problems.map(({ pointer }) => pointer));
  const others = checkFilter(filter, properties, '').filter(({ pointer }) => !seen.has(pointer));
  return [...problems, ...others];
};

/**
 * The problems of a response that are within the filter of its request.
 *
 * @param base the pointer of the filter in the request, such as `/selection/filter`
 */
export const problemsWithin = (errors: readonly FilterProblem[], base: string): FilterProblem[] =>
  errors.flatMap(({ pointer, detail }) =>
    pointer === base || pointer.startsWith(`${base}/`)
      ? [{ pointer: pointer.slice(base.length), detail }]
      : [],
  );

/** What the API checks before it looks at the fields: lists, lengths and ranges. */
const formProblems = (filter: Filter, pointer: string): FilterProblem[] => {
  if ('not' in filter) return formProblems(filter.not, `${pointer}/not`);
  if ('field' in filter) return conditionProblems(filter, pointer);
  const [name, children] = 'and' in filter ? ['and', filter.and] : ['or', filter.or];
  if (children.length === 0) return [{ pointer, detail: 'has no condition' }];
  return children.flatMap((child, index) => formProblems(child, `${pointer}/${name}/${index}`));
};

const conditionProblems = ({ field, op, value }: Condition, pointer: string): FilterProblem[] => {
  if (field === '') return [{ pointer: `${pointer}/field`, detail: 'is missing' }];
  const isMissing = op !== 'isKnown' && op !== 'isNotKnown' && (value ?? '') === '';
  const detail = isMissing ? 'is missing' : valueProblem(value);
  return detail === undefined ? [] : [{ pointer: `${pointer}/value`, detail }];
};

const valueProblem = (value: Condition['value']): string | undefined => {
  if (Array.isArray(value)) {
    if (value.length === 0) return 'needs at least one value';
    if (value.length > MAX_IN_VALUES) return `must have at most ${MAX_IN_VALUES} values`;
    return value.map(valueProblem).find((problem) => problem !== undefined);
  }
  if (typeof value === 'string' && value.length > MAX_VALUE_LENGTH) {
    return `must have at most ${MAX_VALUE_LENGTH} characters`;
  }
  if (typeof value !== 'object') return undefined;
  const { daysAgo } = value;
  const isInRange = Number.isInteger(daysAgo) && daysAgo >= 0 && daysAgo <= MAX_DAYS_AGO;
  return isInRange ? undefined : `must be a whole number from 0 to ${MAX_DAYS_AGO}`;
};
