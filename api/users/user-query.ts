import type { RawBuilder, SqlBool } from 'kysely';
import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { compileSelection } from '../../selection/compile-selection.ts';
import type { Filter } from '../../selection/filter.ts';
import { filterSchema } from '../../selection/filter-schema.ts';
import { searchSchema } from '../../selection/search.ts';
import { parseJson } from '../http/json-body.ts';
import { cursorSchema, limitSchema } from '../http/paging.ts';
import { type InputError, invalidRequest, isProblem, type ProblemError } from '../http/problems.ts';
import { readInput } from '../http/validation.ts';
import { freezeQuery } from './freeze-selection.ts';

/** Fits into the limit of the headers, even if most of it must be encoded as `%XX`. */
const MAX_FILTER_LENGTH = 16_000;

const SORTS = ['userId', '-userId', 'createdAt', '-createdAt'] as const;

export const userQuerySchema = z.strictObject({
  q: searchSchema.optional(),
  segmentId: z.uuid().optional(),
  filter: z
    .string()
    .max(MAX_FILTER_LENGTH)
    .optional()
    .describe('A filter as JSON; the URL and the headers must not exceed 64 KiB'),
  sort: z.enum(SORTS).default('userId'),
  cursor: cursorSchema.describe(
    'The `nextCursor` or `prevCursor` of a page, with the same conditions and order',
  ),
  limit: limitSchema,
  count: z.literal('exact').optional().describe('Adds the total number of matches'),
});

export type UserQuery = z.infer<typeof userQuerySchema>;

const POINTER = '?filter';

/** The requested users, and when their segment was last changed. */
export interface UserCondition {
  where: RawBuilder<SqlBool>;
  segmentUpdatedAt?: Date;
}

/**
 * The condition for the requested users: that of a selection with the same `q`, `segmentId` and
 * `filter`. @throws ProblemError if the query is not valid
 */
export const conditionOf = async (
  db: Db,
  workspaceId: string,
  { q, segmentId, filter }: UserQuery,
): Promise<UserCondition> => {
  const types = await propertyTypesOf(db, workspaceId);
  if (q === undefined && segmentId === undefined && filter === undefined) {
    return { where: compileSelection({ type: 'all' }, types) };
  }
  const given = { q, segmentId, filter: filter === undefined ? undefined : parseFilter(filter) };
  const context = { db, workspaceId, types, now: new Date(), pointer: '?' as const };
  const { frozen, ...times } = await freezeQuery(given, [], context);
  return { where: compileSelection(frozen, types), ...times };
};

const parseFilter = (text: string): Filter => {
  const read = readInput(filterSchema, parseFilterText(text));
  if ('value' in read) return read.value;
  throw within(read.errors, read.count);
};

const parseFilterText = (text: string): unknown => {
  try {
    return parseJson('The filter', Buffer.from(text));
  } catch (error) {
    if (!isProblem(error)) throw error;
    throw within(error.errors.length > 0 ? error.errors : [{ detail: error.detail, pointer: '' }]);
  }
};

const within = (errors: InputError[], count?: number): ProblemError =>
  invalidRequest(
    errors.map(({ detail, pointer }) => ({ detail, pointer: `${POINTER}${pointer}` })),
    count,
  );
