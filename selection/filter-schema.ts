import { z } from 'zod';
import {
  type Filter,
  findSizeProblem,
  MAX_DAYS_AGO,
  MAX_FILTER_CONDITIONS,
  MAX_IN_VALUES,
  MAX_VALUE_LENGTH,
  OPS,
} from './filter.ts';
import { NUMBER_RULE } from './numbers.ts';
import { withSizeFirst } from './size-first.ts';

/**
 * A number that is not finite stands for a text that no float can hold exactly; see
 * `api/http/json-body.ts`.
 */
const forNumbers = ({ input }: { input?: unknown }): string | undefined =>
  typeof input === 'number' ? NUMBER_RULE : undefined;

const scalarSchema = z.union([z.string().max(MAX_VALUE_LENGTH), z.number(), z.boolean()], {
  error: forNumbers,
});
const relativeSchema = z
  .strictObject({ daysAgo: z.int().min(0).max(MAX_DAYS_AGO) })
  .meta({ id: 'RelativeDate' });
const valueSchema = z.union(
  [scalarSchema, z.array(scalarSchema).min(1).max(MAX_IN_VALUES), relativeSchema],
  { error: forNumbers },
);

const conditionSchema = z
  .strictObject({
    field: z.string().min(1).max(80),
    op: z.enum(OPS),
    value: valueSchema.optional(),
  })
  .meta({ id: 'FilterCondition' });

const EMPTY = 'is empty; an empty filter is an error, and does not select all users';

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/**
 * Getters, not `z.lazy`: a schema between two branches would have no name in the OpenAPI document.
 */
const childrenOf = (): z.ZodType<Filter[]> =>
  z
    .array(filterSchema)
    .min(1, EMPTY)
    .max(MAX_FILTER_CONDITIONS)
    .meta({ description: 'One or more nodes; an empty list is an error' });

/**
 * Each branch has a name, because client generators make no types for unnamed recursive branches.
 */
const branches = [
  z
    .strictObject({
      get and() {
        return childrenOf();
      },
    })
    .meta({ id: 'FilterAnd' }),
  z
    .strictObject({
      get or() {
        return childrenOf();
      },
    })
    .meta({ id: 'FilterOr' }),
  z
    .strictObject({
      get not(): z.ZodType<Filter> {
        return filterSchema;
      },
    })
    .meta({ id: 'FilterNot' }),
  conditionSchema,
] as const;

/**
 * The form of a filter. Its size is checked first: otherwise each node of an enormous filter would
 * be compared with each branch. `checkFilter` checks its fields and values against the workspace.
 */
export const filterSchema: z.ZodType<Filter> = withSizeFirst(
  z
    .union(branches, { error: ({ input }) => (isEmptyObject(input) ? EMPTY : undefined) })
    .meta({ id: 'Filter' }),
  findSizeProblem,
);
