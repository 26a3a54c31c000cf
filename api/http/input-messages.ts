import type { z } from 'zod';

/** The message of a union none of whose branches fits; the branches tell more. */
export const NO_BRANCH = 'is of none of the forms that are known here';

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

type Bound = number | bigint;

const count = (value: Bound): string => value.toLocaleString('en-US');

const tooSmall = (origin: string, minimum: Bound): string => {
  if (origin !== 'string' && origin !== 'array') return `must be at least ${count(minimum)}`;
  // No text or list of the API has a minimum other than one.
  return 'is empty';
};

const tooBig = (origin: string, maximum: Bound): string => {
  if (origin === 'string') return `is longer than ${count(maximum)} characters`;
  if (origin === 'array') return `holds more than ${count(maximum)} items`;
  return `must be at most ${count(maximum)}`;
};

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.join(', ')}`;

/** What is wrong with a value in the API's own words; a schema's own words come before. */
export const tellIssue: z.core.$ZodErrorMap = (issue) => {
  const { code, input } = issue;
  if (code === 'custom') return undefined;
  if (input === undefined) return 'is missing';
  if (code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`;
  if (code === 'invalid_value') return oneOf(issue.values);
  if (code === 'invalid_format') return `is no ${issue.format}`;
  if (code === 'too_small') return tooSmall(issue.origin, issue.minimum);
  if (code === 'too_big') return tooBig(issue.origin, issue.maximum);
  if (code === 'invalid_union') {
    return Array.isArray(issue['options']) ? oneOf(issue['options']) : NO_BRANCH;
  }
  return undefined;
};
