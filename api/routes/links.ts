import { z } from 'zod';
import { recordActivity } from '../../db/activity.ts';
import { createLink, listLinks, MAX_LINK_HOURS, revokeLink } from '../../db/download-links.ts';
import { findDownload } from '../../db/export-files.ts';
import { createLinkToken } from '../../storage/link-token.ts';
import type { ApiDeps, App } from '../app.ts';
import { notFound } from '../problems.ts';
import { requireOpenFile } from '../send-export.ts';

const paramsSchema = z.strictObject({ id: z.uuid() });

const newLinkSchema = z.strictObject({
  expiresInHours: z
    .int()
    .min(1)
    .max(MAX_LINK_HOURS)
    .default(MAX_LINK_HOURS)
    .describe('A link never outlives its file'),
});

const createdLinkSchema = z.object({
  id: z.uuid(),
  url: z.url().describe('Whoever has it can download the file'),
  expiresAt: z.iso.datetime(),
});

const linkSchema = z.object({
  id: z.uuid(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  revokedAt: z.iso.datetime().nullable(),
});

const registerCreate = (app: App, { database: { db }, config }: ApiDeps): void => {
  app.post(
    '/v1/exports/:id/links',
    {
      schema: {
        operationId: 'createLink',
        summary: 'Make a link to download an export without a key',
        tags: ['exports'],
        params: paramsSchema,
        body: newLinkSchema,
        response: { 201: createdLinkSchema },
      },
      // Nothing to say is the same as `{}`; the JSON value `null` is not.
      preValidation: async (request) => {
        const isEmpty = request.headers['content-type'] === undefined;
        if (isEmpty) request.body ??= { expiresInHours: MAX_LINK_HOURS };
      },
    },
    async ({ params, body, actor, workspaceId }, reply) => {
      const row = await findDownload(db, workspaceId, params.id);
      if (row === undefined) throw notFound('export');
      const file = requireOpenFile(row);
      const link = await db.transaction().execute(async (trx) => {
        const hours = body.expiresInHours;
        const created = await createLink(trx, { exportId: file.id, createdBy: actor.id, hours });
        await recordActivity(trx, {
          kind: 'linkCreated',
          workspaceId,
          actorKeyId: actor.id,
          jobId: file.job_id,
          exportId: file.id,
        });
        return created;
      });
      const token = createLinkToken(link.id, config.linkSecret);
      const url = `${config.publicUrl}/d/${token}`;
      return reply.code(201).send({ id: link.id, url, expiresAt: link.expiresAt.toISOString() });
    },
  );
};

const registerList = (app: App, { database: { db } }: ApiDeps): void => {
  app.get(
    '/v1/exports/:id/links',
    {
      schema: {
        operationId: 'listLinks',
        summary: 'The links to an export, newest first, ended ones too',
        tags: ['exports'],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: { 200: z.object({ data: z.array(linkSchema), nextCursor: z.null() }) },
      },
    },
    async ({ params, workspaceId }) => {
      const row = await findDownload(db, workspaceId, params.id);
      if (row === undefined) throw notFound('export');
      const links = row.id === null ? [] : await listLinks(db, row.id);
      const data = links.map((link) => ({
        id: link.id,
        createdAt: link.created_at.toISOString(),
        expiresAt: link.expires_at.toISOString(),
        revokedAt: link.revoked_at?.toISOString() ?? null,
      }));
      return { data, nextCursor: null };
    },
  );
};

const registerRevoke = (app: App, { database: { db } }: ApiDeps): void => {
  app.delete(
    '/v1/exports/:id/links/:linkId',
    {
      schema: {
        operationId: 'revokeLink',
        summary: 'Take a link back; doing so twice is no error',
        description: 'Takes back the link of a mail too; `id` may be a backup or a deletion then.',
        tags: ['exports'],
        params: paramsSchema.extend({ linkId: z.uuid() }),
        response: { 204: z.undefined().describe('The link leads nowhere any more') },
      },
    },
    async ({ params: { id, linkId }, actor, workspaceId }, reply) => {
      await db.transaction().execute(async (trx) => {
        const revocation = await revokeLink(trx, { workspaceId, fileId: id, linkId });
        if (revocation.status === 'unknown') throw notFound('link');
        if (revocation.status === 'revokedBefore') return;
        const { exportId, jobId } = revocation;
        await recordActivity(trx, {
          kind: 'linkRevoked',
          workspaceId,
          actorKeyId: actor.id,
          jobId,
          exportId,
        });
      });
      return reply.code(204).send();
    },
  );
};

/** Making, listing and taking back the links that `public-links.ts` serves. */
export const registerLinkRoutes = (app: App, deps: ApiDeps): void => {
  registerCreate(app, deps);
  registerList(app, deps);
  registerRevoke(app, deps);
};
