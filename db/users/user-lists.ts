import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { ListEntry } from '../../imports/user-list.ts';
import { UPLOAD_HOURS } from '../../rules/retention.ts';
import type { MatchBy } from '../../selection/selection.ts';
import type { Db, Trx } from '../client.ts';
import { isUniqueViolation } from '../connections/sql-states.ts';
import { FIRST_ID } from '../first-id.ts';
import { partitionOf } from '../workspaces.ts';

/** Most lists of a workspace at a time, including those that are being uploaded. */
export const MAX_USER_LISTS = 20;

const isThere = sql<boolean>`(completed_at IS NOT NULL AND expires_at > now())`;

/** A list that is complete and has not expired. */
export type UserListRow = Awaited<
  ReturnType<ReturnType<typeof listRows>['executeTakeFirstOrThrow']>
>;

export interface NewUserList {
  id: string;
  workspaceId: string;
  actorKeyId: string;
  matchBy: MatchBy;
}

export interface ListFacts {
  entries: number;
  repeated: number;
  empty: number;
}

/** The facts that decide which users a list names. */
export interface ListRef {
  id: string;
  workspaceId: string;
  matchBy: MatchBy;
}

export const findUserList = (db: Db, id: string, workspaceId: string) =>
  listRows(db).where('id', '=', id).where('workspace_id', '=', workspaceId).executeTakeFirst();

export const findUserListByKey = (db: Db, workspaceId: string, key: string) =>
  listRows(db)
    .where('workspace_id', '=', workspaceId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst();

/** Lists of a workspace, the oldest first; at most `MAX_USER_LISTS`. */
export const listUserLists = (db: Db, workspaceId: string) =>
  listRows(db).where('workspace_id', '=', workspaceId).orderBy('id').execute();

/** Records a list that is being uploaded. False if the workspace has `MAX_USER_LISTS` lists. */
export const beginUserList = (db: Db, list: NewUserList): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    const { workspaceId } = list;
    // Serialized within a workspace, so that the count includes every list.
    await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`userLists/${workspaceId}`}, 0))`.execute(
      trx,
    );
    const { numAffectedRows } = await sql`
      INSERT INTO user_lists (id, workspace_id, actor_key_id, match_by)
      SELECT ${list.id}::uuid, ${workspaceId}, ${list.actorKeyId}::uuid, ${list.matchBy}
       WHERE (SELECT count(*) FROM user_lists WHERE workspace_id = ${workspaceId}
                 AND expires_at > now() AND (completed_at IS NOT NULL
                   OR created_at > now() - make_interval(hours => ${UPLOAD_HOURS})))
             < ${MAX_USER_LISTS}::int`.execute(trx);
    return numAffectedRows === 1n;
  });

/**
 * Adds entries to a list that is not complete.
 *
 * @returns the number of new entries
 */
export const addEntries = async (
  db: Db,
  { id, matchBy }: Pick<NewUserList, 'id' | 'matchBy'>,
  entries: readonly ListEntry[],
): Promise<number> => {
  const lines = entries.map(({ line }) => line);
  const texts = entries.map(({ entry }) => entry);
  const { numAffectedRows } = await sql`
    INSERT INTO user_list_entries (list_id, key, line, entry)
    SELECT ${id}::uuid, ${keyOf(matchBy, sql`e.entry`)}, e.line, e.entry
      FROM unnest(${lines}::int[], ${texts}::text[]) AS e (line, entry) ORDER BY e.line
        ON CONFLICT DO NOTHING`.execute(db);
  return Number(numAffectedRows ?? 0n);
};

/** Makes a list usable. False if its idempotency key belongs to another list. */
export const completeUserList = async (
  db: Db,
  { id, workspaceId }: Pick<NewUserList, 'id' | 'workspaceId'>,
  { entries, repeated, empty }: ListFacts,
  idempotency?: { key: string; requestHash: string },
): Promise<boolean> => {
  const { key = null, requestHash = null } = idempotency ?? {};
  // An expired list that has not been erased yet releases its key.
  await sql`SELECT erase_user_list(id) FROM user_lists
    WHERE workspace_id = ${workspaceId} AND idempotency_key = ${key} AND expires_at <= now()`.execute(
    db,
  );
  try {
    await sql`
      UPDATE user_lists SET entries = ${entries}, repeated = ${repeated}, empty = ${empty},
             idempotency_key = ${key}, request_hash = ${requestHash}, completed_at = now()
       WHERE id = ${id}::uuid`.execute(db);
    return true;
  } catch (error) {
    if (isUniqueViolation(error)) return false;
    throw error;
  }
};

/** Erases a list and its entries, whether complete or not. */
export const eraseUserList = async (db: Db, id: string): Promise<void> => {
  await sql`SELECT erase_user_list(${id}::uuid)`.execute(db);
};

/** Lists that have expired, complete or not, by id. */
export const listExpiredUserLists = (db: Db, limit: number, afterId = FIRST_ID) =>
  db
    .selectFrom('user_lists')
    .select('id')
    .where('id', '>', afterId)
    .where('expires_at', '<=', sql<Date>`now()`)
    .orderBy('id')
    .limit(limit)
    .execute();

/**
 * Erases the users of previews that cannot be confirmed any more.
 *
 * @returns the number of users
 */
export const erasePreviewTargets = async (db: Db): Promise<number> => {
  const { rows } = await sql<{ n: number }>`SELECT erase_preview_targets() AS n`.execute(db);
  return rows[0]?.n ?? 0;
};

/**
 * Keeps a list from being erased until the transaction ends.
 *
 * @throws DatabaseError KS006 when the list was erased or has expired
 */
export const requireUserList = async (trx: Trx, id: string): Promise<void> => {
  await sql`SELECT require_user_list(${id}::uuid)`.execute(trx);
};

/**
 * The users that a list names: a query of their ids. An email address that several users have names
 * none of them, because it is ambiguous.
 */
export const usersOfList = (list: ListRef): RawBuilder<unknown> =>
  sql`SELECT min(users.user_id) AS user_id FROM ${joined(list, 'JOIN')} HAVING count(*) = 1`;

/** Ids in a list, whether they are users or not: a query. */
export const idsOfList = (listId: string): RawBuilder<unknown> =>
  sql`SELECT key AS user_id FROM user_list_entries WHERE list_id = ${listId}::uuid`;

/** Email addresses in a list, in lower case: a query. */
export const addressesOfList = (listId: string): RawBuilder<unknown> =>
  sql`SELECT key AS address FROM user_list_entries WHERE list_id = ${listId}::uuid`;

/** Users that a preview of a list has selected: a query of their ids. */
export const usersOfPreview = (previewId: string): RawBuilder<unknown> =>
  sql`SELECT user_id FROM preview_targets WHERE preview_id = ${previewId}::uuid`;

/**
 * The users that a job was begun for by name, and that still exist and match: a query of their ids.
 */
export const usersOfJob = (
  jobId: string,
  workspaceId: string,
  where: RawBuilder<SqlBool>,
): RawBuilder<unknown> => sql`
  SELECT target.user_id FROM job_targets AS target
   WHERE target.job_id = ${jobId}::uuid AND target.pass = 1
     AND EXISTS (SELECT FROM users WHERE users.workspace_id = ${workspaceId}::text
                    AND users.user_id COLLATE "C" = target.user_id AND (${where}))`;

/** Entries that name no user, or several users: a query. */
export const unmatchedEntries = (list: ListRef): RawBuilder<unknown> => sql`
  SELECT e.line, e.entry,
         CASE count(users.user_id) WHEN 0 THEN 'notFound' ELSE 'ambiguous' END AS reason,
         count(users.user_id) AS users
    FROM ${joined(list, 'LEFT JOIN')} HAVING count(users.user_id) <> 1 ORDER BY e.line`;

const listRows = (db: Db) =>
  db
    .selectFrom('user_lists')
    .select(['id', 'workspace_id', 'match_by', 'created_at', 'expires_at', 'request_hash'])
    .select(sql<number>`entries`.as('entries'))
    .select(sql<number>`repeated`.as('repeated'))
    .select(sql<number>`empty`.as('empty'))
    .where(isThere);

/**
 * An entry in the form in which entries are compared. Email addresses have the form of the index
 * `users_email`.
 */
const keyOf = (matchBy: MatchBy, entry: RawBuilder<unknown>): RawBuilder<unknown> =>
  matchBy === 'email' ? sql`lower(${entry})` : entry;

/** Entries joined with the users that they name. Counts on the primary key or `users_email`. */
const joined = ({ id, workspaceId, matchBy }: ListRef, kind: 'JOIN' | 'LEFT JOIN') => {
  const key = matchBy === 'email' ? sql`lower(users.email)` : sql`users.user_id`;
  return sql`user_list_entries AS e
    ${sql.raw(kind)} ONLY ${sql.id('public', partitionOf(workspaceId))} AS users
      ON users.workspace_id = ${workspaceId}::text AND ${key} COLLATE "C" = e.key
   WHERE e.list_id = ${id}::uuid GROUP BY e.list_id, e.key`;
};
