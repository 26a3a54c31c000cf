import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { NO_BRANCH, issueMessage } from './input-messages.ts';
import { isUnstorable } from './json-body.ts';
import { pointerOf } from './pointer.ts';
import { type InputError, invalidRequest, MAX_ERRORS } from './problems.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The first errors of an input, and the number of all. */
export interface Refusal {
  errors: InputError[];
  count: number;
}

/** Reads an input by its schema, or returns its errors. */
export const readInput = <T>(
  schema: z.ZodType<T>,
  data: unknown,
  httpPart?: string,
): { value: T } | Refusal => {
  const result = schema.safeParse(data, { error: issueMessage });
  return result.success ? { value: result.data } : refusalOf(result.error, httpPart);
};

/** Validates with zod. Only the schema itself coerces, drops or adds values. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (data: unknown) => {
    const unstorable = unstorableIn(data, httpPart);
    if (unstorable.length > 0) return { error: invalidRequest(unstorable) };
    const read = readInput(schema, data, httpPart);
    return 'value' in read ? read : { error: invalidRequest(read.errors, read.count) };
  };

interface Flat {
  path: Path;
  detail: string;
}

/**
 * The issues of a zod error as the API reports them. An object may have very many unknown names.
 */
const refusalOf = (error: z.core.$ZodError, httpPart: string | undefined): Refusal => {
  const errors: InputError[] = [];
  let count = 0;
  for (const { path, detail } of flatten(error.issues, [])) {
    if ((count += 1) > MAX_ERRORS) continue;
    errors.push({ detail, pointer: pointerIn(httpPart, path) });
  }
  return { errors, count };
};

const flatten = function* (issues: readonly Issue[], base: Path): Generator<Flat> {
  for (const issue of issues) {
    const path = [...base, ...issue.path];
    const isReported = issue.message !== NO_BRANCH;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) yield { path: [...path, key], detail: 'is not a known name' };
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0 && !isReported) {
      yield* flatten(closestBranch(issue.errors), path);
    } else if (
      (issue.code === 'invalid_key' || issue.code === 'invalid_element') &&
      issue.issues.length > 0
    ) {
      yield* flatten(issue.issues, path);
    } else yield { path, detail: issue.message };
  }
};

const closestBranch = (branches: readonly (readonly Issue[])[]): readonly Issue[] =>
  branches.toSorted(
    (a, b) =>
      Number(isOfOtherKind(a)) - Number(isOfOtherKind(b)) ||
      unknownNames(a) - unknownNames(b) ||
      depthOf(b) - depthOf(a) ||
      a.length - b.length,
  )[0] ?? [];

/**
 * True if the kind of the value is wrong, such as a list instead of an object. Another branch may
 * match better.
 */
const isOfOtherKind = (issues: readonly Issue[]): boolean =>
  issues.some(
    (issue) =>
      issue.path.length === 0 &&
      (issue.code === 'invalid_type' ||
        (issue.code === 'invalid_union' &&
          issue.errors.length > 0 &&
          issue.errors.every(isOfOtherKind))),
  );

/** Number of names that a branch of a union does not know. Fewer means a better match. */
const unknownNames = (issues: readonly Issue[]): number =>
  issues.reduce(
    (sum, issue) =>
      issue.code === 'unrecognized_keys' && issue.path.length === 0 ? sum + issue.keys.length : sum,
    0,
  );

/** How deep in the input a branch failed. */
const depthOf = (issues: readonly Issue[]): number =>
  // Not by spreading: a list may have more issues than a call takes arguments.
  issues.reduce((most, { path }) => Math.max(most, path.length), 0);

/** The pointer to an error: `/a/b` in the body, `?name` in the query, `{name}` in the path. */
const pointerIn = (httpPart: string | undefined, path: Path): string => {
  switch (httpPart ?? 'body') {
    case 'querystring':
      // The name is enough, even if the parameter is given several times.
      return `?${String(path[0] ?? '')}`;
    case 'params':
      return `{${path.map(String).join('.')}}`;
    case 'headers':
      return path.map(String).join('.');
    default:
      return pointerOf(path);
  }
};

/** Rejects text in path and query that PostgreSQL cannot store: it cannot search for it either. */
const unstorableIn = (data: unknown, httpPart: string | undefined): InputError[] => {
  if (httpPart === 'body' || typeof data !== 'object' || data === null) return [];
  return Object.entries(data)
    .filter(([, value]) => [value].flat().some((text) => isUnstorable(String(text))))
    .map(([name]) => ({
      detail: 'has a character that is not allowed',
      pointer: pointerIn(httpPart, [name]),
    }));
};
