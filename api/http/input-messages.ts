import type { z } from 'zod';

/** The message of a union that matches no branch; the branches have details. */
export const NO_BRANCH = 'does not match any allowed form';

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

type Bound = number | bigint;

const FORMATS: Readonly<Record<string, string>> = {
  uuid: 'a UUID',
  email: 'a valid email address',
  url: 'a valid URL',
};

/** Describes an error in a value. A message of the schema itself takes precedence. */
export const issueMessage: z.core.$ZodErrorMap = (issue) => {
  const { code, input } = issue;
  if (code === 'custom') return undefined;
  if (input === undefined) return 'is missing';
  if (code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`;
  if (code === 'invalid_value') return oneOf(issue.values);
  if (code === 'invalid_format')
    return `must be ${FORMATS[issue.format] ?? `a valid ${issue.format}`}`;
  if (code === 'too_small') return tooSmall(issue.origin, issue.minimum);
  if (code === 'too_big') return tooBig(issue.origin, issue.maximum);
  if (code === 'invalid_union') {
    return Array.isArray(issue['options']) ? oneOf(issue['options']) : NO_BRANCH;
  }
  return undefined;
};

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.join(', ')}`;

const tooSmall = (origin: string, minimum: Bound): string => {
  if (origin !== 'string' && origin !== 'array') return `must be at least ${count(minimum)}`;
  // No string or list of the API has a minimum length other than one.
  return 'must not be empty';
};

const count = (value: Bound): string => value.toLocaleString('en-US');

const tooBig = (origin: string, maximum: Bound): string => {
  if (origin === 'string') return `must have at most ${count(maximum)} characters`;
  if (origin === 'array') return `must have at most ${count(maximum)} items`;
  return `must be at most ${count(maximum)}`;
};
