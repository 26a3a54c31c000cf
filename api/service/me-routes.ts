import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { meSchema, readMe } from './me.ts';

export const registerMeRoutes = (app: App, { database }: ApiDeps): void => {
  app.get(
    '/v1/me',
    {
      schema: {
        operationId: 'getMe',
        summary: 'Get the current key and its workspace',
        tags: ['me'],
        querystring: z.strictObject({}),
        response: {
          200: meSchema.describe('The key, its workspace, and the actions that are possible now'),
        },
      },
    },
    async ({ actor, access }) => readMe(database.db, { actor, workspaceId: access.workspaceId }),
  );
};
