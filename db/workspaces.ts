import { sql } from 'kysely';
import { DatabaseError, escapeIdentifier } from 'pg';
import type { Db } from './client.ts';
import { isContended, isDenied } from './connections/sql-states.ts';

/** Most users of a workspace that a list of workspaces counts. */
export const MAX_COUNTED_USERS = 1_000;
/** Longest wait for a locked table of users, in milliseconds. */
const COUNT_LOCK_MS = 100;
/** Longest count, in milliseconds: a table may have few users, and many rows that were deleted. */
const COUNT_MS = 1_000;

/** Name of the partition that holds a workspace's users. */
export const partitionOf = (workspaceId: string): string => `users_${workspaceId}`;

/** The same in a statement: with its schema, in quotes. */
export const usersTableOf = (workspaceId: string): string =>
  `public.${escapeIdentifier(partitionOf(workspaceId))}`;

/**
 * Makes a workspace and its partition. Needs the owner's connection.
 *
 * @throws DatabaseError when the id is taken or malformed
 */
export const createWorkspace = async (
  db: Db,
  workspace: { id: string; name: string },
): Promise<void> => {
  await sql`SELECT create_workspace(${workspace.id}, ${workspace.name})`.execute(db);
};

export interface WorkspacePage {
  /** Only this workspace; null for all. */
  workspaceId: string | null;
  /** Only workspaces whose id is greater. */
  afterId?: string | undefined;
  limit: number;
}

/**
 * Workspaces by id, with facts that need no read of a large table. `users_estimate` is PostgreSQL's
 * own estimate of the partition's rows, read from the catalog without a lock on the table; null if
 * PostgreSQL has none yet. `unfinished_jobs` counts on the index `jobs_unfinished`, and the
 * delete-all request that has not ended on `delete_all_one_unfinished`.
 */
export const describeWorkspaces = (db: Db, { workspaceId, afterId, limit }: WorkspacePage) =>
  db
    .selectFrom('workspaces')
    .leftJoin('delete_all_requests as request', (join) =>
      join
        .onRef('request.workspace_id', '=', 'workspaces.id')
        .on('request.finished_at', 'is', null),
    )
    .selectAll('workspaces')
    .select([
      'request.id as request_id',
      'request.state as request_state',
      sql<number | null>`(SELECT nullif(c.reltuples, -1)::bigint FROM pg_class c
        WHERE c.relname = 'users_' || workspaces.id AND c.relnamespace = 'public'::regnamespace)`.as(
        'users_estimate',
      ),
      sql<number>`(SELECT count(*) FROM jobs
        WHERE jobs.workspace_id = workspaces.id AND jobs.finished_at IS NULL)`.as(
        'unfinished_jobs',
      ),
    ])
    .$if(workspaceId !== null, (query) => query.where('workspaces.id', '=', workspaceId ?? ''))
    .$if(afterId !== undefined, (query) => query.where('workspaces.id', '>', afterId ?? ''))
    .orderBy('workspaces.id')
    .limit(limit)
    .execute();

export type WorkspaceRow = Awaited<ReturnType<typeof describeWorkspaces>>[number];

/**
 * The number of users in a workspace. Null if there are more than `MAX_COUNTED_USERS`, or if the
 * table is missing, locked, or cannot be read, as with row-level security, or not in time.
 *
 * @throws DatabaseError for any other failure
 */
export const countFewUsers = async (db: Db, workspaceId: string): Promise<number | null> => {
  const users = sql.raw(usersTableOf(workspaceId));
  try {
    return await db.transaction().execute(async (trx) => {
      await sql`SELECT set_config('lock_timeout', ${String(COUNT_LOCK_MS)}, true),
                       set_config('statement_timeout', ${String(COUNT_MS)}, true)`.execute(trx);
      const { rows } = await sql<{ count: number }>`
        SELECT count(*) FROM (SELECT FROM ${users} LIMIT ${MAX_COUNTED_USERS + 1}) AS few`.execute(
        trx,
      );
      const count = rows[0]?.count ?? null;
      return count === null || count > MAX_COUNTED_USERS ? null : count;
    });
  } catch (error) {
    // The list of all workspaces must not depend on the table of one.
    if (isContended(error) || isDenied(error) || isMissingTable(error)) return null;
    throw error;
  }
};

export const listWorkspaces = (db: Db) =>
  db.selectFrom('workspaces').selectAll().orderBy('id').execute();

export const findWorkspace = (db: Db, id: string) =>
  db.selectFrom('workspaces').selectAll().where('id', '=', id).executeTakeFirst();

const isMissingTable = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === '42P01';
