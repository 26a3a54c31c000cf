import type { z } from 'zod';

/** A value that is too large to be read. `path`: where it is. */
export interface SizeProblem {
  detail: string;
  path: readonly PropertyKey[];
}

/**
 * Lets a schema check the size of a value before it reads the value. The checks of zod run when the
 * whole value was read already. A step before the schema, as `z.preprocess` is, would remove the
 * examples from the OpenAPI document. The schema is changed, and its copies (`refine`, `meta`) are
 * without this check.
 */
export const withSizeFirst = <Schema extends z.ZodType>(
  schema: Schema,
  findProblem: (value: unknown) => SizeProblem | undefined,
): Schema => {
  const { _zod: internals } = schema;
  const run = internals.run.bind(internals);
  internals.run = (payload, context) => {
    const found = findProblem(payload.value);
    if (found === undefined) return run(payload, context);
    const { value: input, issues } = payload;
    const { detail: message, path } = found;
    issues.push({ code: 'custom', message, path: [...path], input, inst: schema, continue: false });
    return payload;
  };
  return schema;
};
