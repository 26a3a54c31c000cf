import { sql } from 'kysely';
import { escapeIdentifier } from 'pg';
import type { Db } from './client.ts';

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

export const listWorkspaces = (db: Db) =>
  db.selectFrom('workspaces').selectAll().orderBy('id').execute();

export const findWorkspace = (db: Db, id: string) =>
  db.selectFrom('workspaces').selectAll().where('id', '=', id).executeTakeFirst();
