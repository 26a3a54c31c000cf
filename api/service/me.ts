import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { findUnfinishedRequest } from '../../db/delete-all/delete-all-requests.ts';
import { KEY_ROLES } from '../../db/schema.ts';
import { findWorkspace } from '../../db/workspaces.ts';
import { isWindowOpen } from '../../rules/delete-all.ts';
import type { Actor } from '../actor.ts';

export const meSchema = z.object({
  key: z.object({
    id: z.uuid(),
    role: z.enum(KEY_ROLES),
    ownerName: z.string(),
    ownerEmail: z.string(),
    expiresAt: z.string().nullable().describe('The key expires then; null if it never expires'),
    lastUsedAt: z.string().nullable().describe('The last use before this request, to the minute'),
  }),
  workspace: z.object({ id: z.string(), name: z.string() }).nullable(),
  features: z.object({
    deleteAll: z
      .object({
        enabled: z.boolean().describe('The window of the request is open'),
        until: z.string().nullable(),
        requestId: z.uuid().nullable().describe('The open request'),
      })
      .nullable()
      .describe('Role in the workspace; null if no workspace is named'),
  }),
});

/** The key of a caller, its workspace, and the actions that are possible now. */
export const readMe = async (
  db: Db,
  { actor, workspaceId }: { actor: Actor; workspaceId: string | null },
): Promise<z.infer<typeof meSchema>> => {
  const workspace = workspaceId === null ? undefined : await findWorkspace(db, workspaceId);
  return {
    key: {
      id: actor.shownId,
      role: actor.role,
      ownerName: actor.ownerName,
      ownerEmail: actor.ownerEmail,
      expiresAt: actor.expiresAt?.toISOString() ?? null,
      lastUsedAt: actor.lastUsedAt?.toISOString() ?? null,
    },
    workspace: workspace === undefined ? null : { id: workspace.id, name: workspace.name },
    features: {
      deleteAll: workspaceId === null ? null : await deleteAllOf(db, workspaceId),
    },
  };
};

const deleteAllOf = async (db: Db, workspaceId: string) => {
  const request = await findUnfinishedRequest(db, workspaceId);
  const until = request?.state === 'open' ? request.closes_at : null;
  return {
    enabled: request !== undefined && isWindowOpen(request),
    until: until?.toISOString() ?? null,
    requestId: request?.id ?? null,
  };
};
