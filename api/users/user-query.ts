import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { findSegment } from '../../db/users/segments.ts';
import { matchesPrefix } from '../../db/users/users.ts';
import { compileFilter } from '../../selection/compile.ts';
import { checkFilter, type Filter, filterSchema, freezeFilter } from '../../selection/filter.ts';
import { parseJson } from '../http/json-body.ts';
import { cursorSchema, limitSchema } from '../http/paging.ts';
import {
  type InputError,
  invalidRequest,
  isProblem,
  problem,
  type ProblemError,
} from '../http/problems.ts';
import { readInput } from '../http/validation.ts';

/** Fits into the limit of the headers, even if most of it must be encoded as `%XX`. */
const MAX_FILTER_LENGTH = 16_000;

const SORTS = ['userId', '-userId', 'createdAt', '-createdAt'] as const;

export const userQuerySchema = z.strictObject({
  q: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Prefix of the id, email address, phone, first or last name'),
  segmentId: z.uuid().optional(),
  filter: z
    .string()
    .max(MAX_FILTER_LENGTH)
    .optional()
    .describe('A filter as JSON; the URL and the headers must not exceed 64 KiB'),
  sort: z.enum(SORTS).default('userId'),
  cursor: cursorSchema,
  limit: limitSchema,
  count: z.literal('exact').optional().describe('Adds the total number of matches'),
});

export type UserQuery = z.infer<typeof userQuerySchema>;

const POINTER = '?filter';

/** The condition for the requested users. @throws ProblemError if the query is not valid */
export const conditionOf = async (
  db: Db,
  workspaceId: string,
  { q, segmentId, filter }: UserQuery,
): Promise<RawBuilder<SqlBool>> => {
  const types = await propertyTypesOf(db, workspaceId);
  const compile = (given: Filter) => compileFilter(freezeFilter(given, types, new Date()), types);
  const conditions: RawBuilder<SqlBool>[] = [];
  if (q !== undefined) conditions.push(matchesPrefix(q));
  if (segmentId !== undefined) {
    conditions.push(compile(await readSegment(db, workspaceId, segmentId)));
  }
  if (filter !== undefined) {
    const parsed = parseFilter(filter);
    const errors = checkFilter(parsed, types, POINTER);
    if (errors.length > 0) throw invalidRequest(errors);
    conditions.push(compile(parsed));
  }
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` AND `);
};

const readSegment = async (db: Db, workspaceId: string, segmentId: string): Promise<Filter> => {
  const segment = await findSegment(db, workspaceId, segmentId);
  if (segment !== undefined) return segment.filter as Filter;
  throw problem('not-found', `There is no segment ${segmentId} in this workspace.`, {
    errors: [{ detail: 'is not a segment of this workspace', pointer: '?segmentId' }],
  });
};

const parseFilter = (text: string): Filter => {
  const read = readInput(filterSchema, parseFilterText(text));
  if ('value' in read) return read.value;
  throw within(read.errors);
};

const parseFilterText = (text: string): unknown => {
  try {
    return parseJson('The filter', Buffer.from(text));
  } catch (error) {
    if (!isProblem(error)) throw error;
    throw within(error.errors.length > 0 ? error.errors : [{ detail: error.detail, pointer: '' }]);
  }
};

const within = (errors: InputError[]): ProblemError =>
  invalidRequest(
    errors.map(({ detail, pointer }) => ({ detail, pointer: `${POINTER}${pointer}` })),
  );
