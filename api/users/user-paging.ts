import { z } from 'zod';
import type {
  ListedUser,
  PageEnd,
  UserPosition,
  UserQuery,
  UserSort,
} from '../../db/users/users.ts';
import { dateTimeOf } from '../../selection/date-times.ts';
import { userIdSchema } from '../../selection/selection.ts';
import { decodeCursor, encodeCursor } from '../http/paging.ts';

/** A position in a list of users, for one order only. `before`: the page before the position. */
type Cursor = PageEnd & { sort: UserSort; before?: true | undefined };

/** A page of users, and the cursors of the pages beside it. */
interface UserPage {
  rows: readonly ListedUser[];
  nextCursor: string | null;
  prevCursor: string | null;
}

/** The users that a page needs, with one more to know whether others follow. */
export const readUserCursor = (
  sort: UserSort,
  cursor: string | undefined,
): Pick<UserQuery, 'after' | 'before'> => {
  const position = decodeCursor(positionSchemaOf(sort), cursor);
  return position?.before === true ? { before: position } : { after: position };
};

/**
 * Splits the read users into a page and its cursors. A page that was reached by a cursor has
 * another page on that side, unless its users were deleted meanwhile. An empty page has the users
 * on the other side of its cursor.
 */
export const toUserPage = (
  found: readonly ListedUser[],
  { sort, limit, after, before }: Pick<UserQuery, 'sort' | 'limit' | 'after' | 'before'>,
): UserPage => {
  const isBack = before !== undefined;
  const hasMore = found.length > limit;
  const rows = isBack ? found.slice(-limit) : found.slice(0, limit);
  const toCursor = (end: PageEnd, side: Pick<Cursor, 'before'>): string =>
    encodeCursor({ sort, ...end, ...side } satisfies Cursor);
  const [first, last] = [rows.at(0), rows.at(-1)];
  if (first === undefined || last === undefined) {
    return {
      rows,
      nextCursor: isBack ? toCursor(otherSideOf(before), {}) : null,
      prevCursor: after === undefined ? null : toCursor(otherSideOf(after), { before: true }),
    };
  }
  const hasPrevious = isBack ? hasMore : after !== undefined;
  return {
    rows,
    nextCursor: isBack || hasMore ? toCursor(positionOf(last), {}) : null,
    prevCursor: hasPrevious ? toCursor(positionOf(first), { before: true }) : null,
  };
};

/** The same position, as the end of all users that are not on this side of it. */
const otherSideOf = ({ userId, createdAt, inclusive }: PageEnd): PageEnd => ({
  userId,
  createdAt,
  ...(!inclusive && { inclusive: true }),
});

const positionOf = ({ userId, createdAt }: ListedUser): UserPosition => ({ userId, createdAt });

/** PostgreSQL would reject a date that does not exist. */
const positionSchemaOf = (sort: UserSort): z.ZodType<Cursor> =>
  z.strictObject({
    sort: z.literal(sort),
    userId: userIdSchema,
    createdAt: z
      .string()
      .refine((text) => /^-?infinity$/.test(text) || dateTimeOf(text, 'datetime') !== undefined),
    before: z.literal(true).optional(),
    inclusive: z.literal(true).optional(),
  });
