import { z } from 'zod';
import { findWorkspace } from '../../db/workspaces.ts';
import type { ApiDeps, App } from '../app.ts';

const meSchema = z.object({
  key: z.object({
    id: z.uuid(),
    role: z.enum(['admin', 'platform', 'ops']),
    ownerName: z.string(),
    ownerEmail: z.string(),
  }),
  workspace: z.object({ id: z.string(), name: z.string() }).nullable(),
  features: z.object({}),
});

export const registerMeRoutes = (app: App, { database }: ApiDeps): void => {
  app.get(
    '/v1/me',
    {
      schema: {
        operationId: 'getMe',
        summary: 'Who I am, and my workspace',
        tags: ['me'],
        querystring: z.strictObject({}),
        response: { 200: meSchema },
      },
    },
    async ({ actor, access }) => {
      const workspace =
        access.workspaceId === null
          ? undefined
          : await findWorkspace(database.db, access.workspaceId);
      return {
        key: {
          id: actor.id,
          role: actor.role,
          ownerName: actor.ownerName,
          ownerEmail: actor.ownerEmail,
        },
        workspace: workspace === undefined ? null : { id: workspace.id, name: workspace.name },
        features: {},
      };
    },
  );
};
