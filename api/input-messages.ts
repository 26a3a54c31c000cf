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

const UNITS: Readonly<Record<string, string>> = { string: 'characters', array: 'items' };

const count = (value: number | bigint): string => value.toLocaleString('en-US');

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.join(', ')}`;

/** What is wrong with a value in the API's own words; a schema's own words come before. */
export const tellIssue: z.core.$ZodErrorMap = (issue) => {
  if (issue.input === undefined && issue.code !== 'custom') return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return oneOf(issue.values);
    case 'invalid_format':
      return issue.format === 'regex' ? undefined : `is no ${issue.format}`;
    case 'too_small': {
      const unit = UNITS[issue.origin];
      if (unit === undefined) return `must be at least ${count(issue.minimum)}`;
      return issue.minimum === 1 ? 'is empty' : `holds fewer than ${count(issue.minimum)} ${unit}`;
    }
    case 'too_big': {
      const unit = UNITS[issue.origin];
      if (unit === undefined) return `must be at most ${count(issue.maximum)}`;
      return `${unit === 'items' ? 'holds more' : 'is longer'} than ${count(issue.maximum)} ${unit}`;
    }
    case 'invalid_union':
      return Array.isArray(issue['options']) ? oneOf(issue['options']) : NO_BRANCH;
    default:
      return undefined;
  }
};
