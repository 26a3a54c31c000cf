import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { Pool } from 'pg';
import type { Db } from '../client.ts';
import { readUntil } from '../connections/read-until.ts';
import { timestampText, userJson } from './user-json.ts';

export type UserSort = 'userId' | '-userId' | 'createdAt' | '-createdAt';

/** A user's position in a list. `createdAt` has all its digits. */
export interface UserPosition {
  userId: string;
  createdAt: string;
}

const ORDERS: Record<UserSort, RawBuilder<unknown>> = {
  userId: sql`users.user_id`,
  '-userId': sql`users.user_id DESC`,
  createdAt: sql`users.created_at, users.user_id`,
  '-createdAt': sql`users.created_at DESC, users.user_id DESC`,
};

const REVERSED: Record<UserSort, UserSort> = {
  userId: '-userId',
  '-userId': 'userId',
  createdAt: '-createdAt',
  '-createdAt': 'createdAt',
};

/** A user as JSON text, with its position. */
export type ListedUser = UserPosition & { json: string };

/** An end of a page. `inclusive`: the page may contain the user at the position itself. */
export type PageEnd = UserPosition & { inclusive?: true | undefined };

export interface UserQuery {
  workspaceId: string;
  where: RawBuilder<SqlBool>;
  /** Whether `where` may match few of the users. */
  isSelective: boolean;
  sort: UserSort;
  /** At most one of the two. */
  after?: PageEnd | undefined;
  before?: PageEnd | undefined;
  limit: number;
}

/** The user as JSON text, ready to be sent. */
export const findUser = async (
  db: Db,
  workspaceId: string,
  userId: string,
): Promise<string | undefined> => {
  const row = await db
    .selectFrom('users')
    .select(userJson.as('json'))
    .where('workspace_id', '=', workspaceId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row?.json;
};

/**
 * Whether a user is under legal hold; undefined if the user does not exist. Counts on the primary
 * key.
 */
export const findHold = async (
  db: Db,
  workspaceId: string,
  userId: string,
): Promise<boolean | undefined> => {
  const row = await db
    .selectFrom('users')
    .select('legal_hold')
    .where('workspace_id', '=', workspaceId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row?.legal_hold;
};

/**
 * Users after a position, or before it, in the order of `sort`. Before a position, those next to it
 * are returned. Reads the primary key or `users_created_at` in order, so each page costs the same.
 * If that finds too few users in time, all users are read as the table has them, by several
 * processes: at 1,000,000 users, that takes an eighth to a quarter of the time of the index.
 *
 * Undefined if `signal` is aborted first. PostgreSQL then ends the statement.
 */
export const listUsers = async (
  pool: Pool,
  query: UserQuery,
  signal: AbortSignal,
): Promise<ListedUser[] | undefined> => {
  const { sort, before } = query;
  if (before === undefined) return readPage(pool, query, signal);
  const reversed = { ...query, sort: REVERSED[sort], after: before };
  return (await readPage(pool, reversed, signal))?.toReversed();
};

/** How long a page with a selective condition is first read in its order, in milliseconds. */
const IN_ORDER_MS = 50;
/** How long its users are then read as the table has them, in milliseconds. */
const AS_STORED_MS = 1_000;

/** PostgreSQL cannot know how few users match: several processes pay if they pass few rows on. */
const FEW_MATCH = { parallel_tuple_cost: '0' };

const readPage = async (
  pool: Pool,
  query: UserQuery,
  signal: AbortSignal,
): Promise<ListedUser[] | undefined> => {
  const statement = usersOf(query, sql`users`);
  if (!query.isSelective) return readUntil(pool, { statement }, signal);
  const tries = [
    { statement, timeoutMs: IN_ORDER_MS },
    { statement: usersOf(query, matchesOf(query)), timeoutMs: AS_STORED_MS, settings: FEW_MATCH },
    // Many match, but each takes long.
    { statement },
  ];
  for (const timed of tries) {
    const users = await readUntil(pool, timed, signal);
    if (users !== undefined || signal.aborted) return users;
  }
  return undefined;
};

type PageQuery = Omit<UserQuery, 'before'>;

/** Without the offset, PostgreSQL would read these users in the order of the page. */
const matchesOf = ({ workspaceId, where }: PageQuery) =>
  sql`(SELECT * FROM users WHERE users.workspace_id = ${workspaceId} AND (${where}) OFFSET 0) AS users`;

/** @param source the table `users`, or a part of it with that name */
const usersOf = (
  { workspaceId, where, sort, after, limit }: PageQuery,
  source: RawBuilder<unknown>,
) =>
  sql<ListedUser>`
    SELECT users.user_id AS "userId", ${timestampText(sql.ref('users.created_at'))} AS "createdAt", ${userJson} AS json
      FROM ${source}
     WHERE users.workspace_id = ${workspaceId} AND (${where})
       AND ${after === undefined ? sql`true` : isAfter(after, sort)}
     ORDER BY ${ORDERS[sort]} LIMIT ${limit}`;

const isAfter = (
  { userId, createdAt, inclusive }: PageEnd,
  sort: UserSort,
): RawBuilder<SqlBool> => {
  const [more, less] = inclusive ? [sql`>=`, sql`<=`] : [sql`>`, sql`<`];
  const createdAndId = sql`(${createdAt}::timestamptz, ${userId})`;
  switch (sort) {
    case 'userId':
      return sql`users.user_id ${more} ${userId}`;
    case '-userId':
      return sql`users.user_id ${less} ${userId}`;
    case 'createdAt':
      return sql`(users.created_at, users.user_id) ${more} ${createdAndId}`;
    case '-createdAt':
      return sql`(users.created_at, users.user_id) ${less} ${createdAndId}`;
  }
};
