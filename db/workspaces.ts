import { sql } from 'kysely';
import type { Db } from './client.ts';

/** Name of the partition that holds a workspace's users. */
export const partitionOf = (workspaceId: string): string => `users_${workspaceId}`;

/** Makes a workspace and its partition. Needs the owner's connection. @throws on a taken or malformed id */
export const createWorkspace = async (
  db: Db,
  workspace: { id: string; name: string },
): Promise<void> => {
  await sql`SELECT create_workspace(${workspace.id}, ${workspace.name})`.execute(db);
};

export const listWorkspaces = (db: Db) =>
  db.selectFrom('workspaces').selectAll().orderBy('id').execute();

export const findWorkspace = (db: Db, id: string) =>
  db.selectFrom('workspaces').selectAll().where('id', '=', id).executeTakeFirst();
