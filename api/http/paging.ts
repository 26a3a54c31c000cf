import { z } from 'zod';
import { isStorable } from '../../selection/values.ts';
import { invalidRequest } from './problems.ts';

export const MAX_PAGE = 200;
export const DEFAULT_PAGE = 50;

/** `?limit=`: a whole number from 1 to 200; the default is 50. */
export const limitSchema = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, `must be a whole number from 1 to ${MAX_PAGE}`)
  .transform(Number)
  .refine((limit) => limit <= MAX_PAGE, `must be at most ${MAX_PAGE}`)
  .default(DEFAULT_PAGE)
  .meta({
    type: 'integer',
    minimum: 1,
    maximum: MAX_PAGE,
    description: `Maximum number of items; the default is ${DEFAULT_PAGE}.`,
  });

/** `?cursor=`: the `nextCursor` of a response. */
export const cursorSchema = z
  .string()
  .max(4_000)
  .optional()
  .describe('The `nextCursor` of the previous page.');

/**
 * `?name=a&name=b`: any of these values. A single value arrives as a string. `note` describes
 * values that stand for others.
 */
export const valuesSchema = <const Value extends string>(values: readonly Value[], note?: string) =>
  z
    .preprocess(
      (given) => (typeof given === 'string' ? [given] : given),
      z.array(z.enum(values)).max(values.length).optional(),
    )
    .describe(
      ['If given several times: any of these', ...(note === undefined ? [] : [note])].join('. '),
    );

/**
 * A position in a list as opaque text. It is part of URLs, so it may hold the id of a user, as the
 * URL of a user does, and no other user data.
 */
export const encodeCursor = (position: unknown): string =>
  Buffer.from(JSON.stringify(position)).toString('base64url');

/** The position in a cursor; undefined without a cursor. @throws ProblemError if it is not valid */
export const decodeCursor = <T>(
  schema: z.ZodType<T>,
  cursor: string | undefined,
): T | undefined => {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString(), requireStorable));
  } catch {
    throw invalidRequest([{ detail: 'must be a cursor of this list', pointer: '?cursor' }]);
  }
};

/**
 * The position in a list. `list` names the list with all that its positions depend on, such as its
 * job and filters. @throws ProblemError if the cursor belongs to another list
 */
export const decodeListCursor = <T>(
  list: string,
  schema: z.ZodType<T>,
  cursor: string | undefined,
): T | undefined => decodeCursor(z.tuple([z.literal(list), schema]), cursor)?.[1];

/** A position with the name of its list, for `decodeListCursor`. */
export const boundTo = <T>(list: string, position: T): [string, T] => [list, position];

/** The same for a list whose position is the id of the last row. */
export const decodeIdCursor = (list: string, cursor: string | undefined): string | undefined =>
  decodeListCursor(list, z.uuid(), cursor);

/** The position of a row in a list, for `decodeIdCursor` of that list. */
export const positionIn =
  (list: string) =>
  ({ id }: { id: string }): [string, string] =>
    boundTo(list, id);

/** Splits a list into a page and the next cursor. The list was read with one row more. */
export const toPage = <T>(
  rows: readonly T[],
  limit: number,
  positionOf: (row: T) => unknown,
): { rows: T[]; nextCursor: string | null } => {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { rows: page, nextCursor: hasMore ? encodeCursor(positionOf(last)) : null };
};

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() });

/** PostgreSQL raises its own error for text that it cannot store. */
const requireStorable = (_name: string, value: unknown): unknown => {
  if (typeof value !== 'string' || isStorable(value)) return value;
  throw new TypeError('a text that cannot be stored');
};
