import { z } from 'zod';
import { isStorable } from '../../selection/values.ts';
import { invalidRequest } from './problems.ts';

export const MAX_PAGE = 200;
export const DEFAULT_PAGE = 50;

/** `?limit=`: a whole number from 1 to 200, 50 when not given. */
export const limitSchema = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, `is not a whole number from 1 to ${MAX_PAGE}`)
  .transform(Number)
  .refine((limit) => limit <= MAX_PAGE, `is more than ${MAX_PAGE}`)
  .default(DEFAULT_PAGE)
  .meta({
    type: 'integer',
    minimum: 1,
    maximum: MAX_PAGE,
    description: `How many at most; ${DEFAULT_PAGE} when not given.`,
  });

/** `?cursor=`: as an answer's `nextCursor` gave it. */
export const cursorSchema = z
  .string()
  .max(4_000)
  .optional()
  .describe('From `nextCursor` of the page before.');

/**
 * A place in a list as opaque text. It travels in addresses, so of a user it holds the id at most,
 * as the address of the user itself does.
 */
export const encodeCursor = (place: unknown): string =>
  Buffer.from(JSON.stringify(place)).toString('base64url');

/** PostgreSQL answers with an error of its own to text that it cannot hold. */
const requireStorable = (_name: string, value: unknown): unknown => {
  if (typeof value !== 'string' || isStorable(value)) return value;
  throw new TypeError('a text that cannot be stored');
};

/** The place a cursor names; undefined for none. @throws ProblemError when it is none of ours */
export const decodeCursor = <T>(
  schema: z.ZodType<T>,
  cursor: string | undefined,
): T | undefined => {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString(), requireStorable));
  } catch {
    throw invalidRequest([{ detail: 'is not a cursor of this list', pointer: '?cursor' }]);
  }
};

const idPlaceSchema = (list: string) => z.tuple([z.literal(list), z.uuid()]);

/**
 * Where a list is, by the id of its last row. @throws ProblemError when the cursor is of another
 * list
 */
export const decodeIdCursor = (list: string, cursor: string | undefined): string | undefined =>
  decodeCursor(idPlaceSchema(list), cursor)?.[1];

/** The place of a row in a list, for `decodeIdCursor` of that list. */
export const placeIn =
  (list: string) =>
  ({ id }: { id: string }): [string, string] => [list, id];

/** Cuts a list read one longer than asked into a page and the cursor of the next. */
export const toPage = <T>(
  rows: readonly T[],
  limit: number,
  placeOf: (row: T) => unknown,
): { rows: T[]; nextCursor: string | null } => {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { rows: page, nextCursor: hasMore ? encodeCursor(placeOf(last)) : null };
};

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() });
