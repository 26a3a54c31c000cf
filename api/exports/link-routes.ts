import { z } from 'zod';
import { recordActivity } from '../../db/activity.ts';
import { findBackup } from '../../db/exports/backups.ts';
import type { Db } from '../../db/client.ts';
import { createLink, listLinks, revokeLink } from '../../db/exports/download-links.ts';
import { findDownload } from '../../db/exports/export-files.ts';
import { createLinkToken } from '../../files/link-token.ts';
import { capitalized } from '../../rules/capitalized.ts';
import { MAX_LINK_HOURS } from '../../rules/retention.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { notFound, problem } from '../http/problems.ts';
import { type ExportRow, requireOpenFile } from './send-export.ts';

/** A resource that has links. Its paths begin with the plural of its name. */
interface Kind {
  noun: 'export' | 'backup';
  find: (db: Db, workspaceId: string, id: string) => Promise<ExportRow | undefined>;
}

const KINDS: Kind[] = [
  { noun: 'export', find: findDownload },
  { noun: 'backup', find: (db, workspaceId, id) => findBackup(db, id, workspaceId) },
];

const paramsSchema = z.strictObject({ id: z.uuid() });

const newLinkSchema = z
  .strictObject({
    expiresInHours: z
      .int()
      .min(1)
      .max(MAX_LINK_HOURS)
      .default(MAX_LINK_HOURS)
      .describe('A link expires with its file at the latest'),
  })
  .meta({ id: 'NewLink', examples: [{ expiresInHours: 24 }] });

const createdLinkSchema = z
  .object({
    id: z.uuid(),
    url: z.url().describe('Anyone with this link can download the file'),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'CreatedLink' });

const linkSchema = z
  .object({
    id: z.uuid(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    revokedAt: z.iso
      .datetime()
      .nullable()
      .describe('When the link or the key that made it was revoked, whichever came first'),
  })
  .meta({ id: 'Link' });

/** Creating, listing and revoking the links that `public-link-routes.ts` serves. */
export const registerLinkRoutes = (app: App, deps: ApiDeps): void => {
  for (const kind of KINDS) {
    registerCreate(app, deps, kind);
    registerList(app, deps, kind);
    registerRevoke(app, deps, kind);
  }
};

const registerCreate = (app: App, { database: { db }, config }: ApiDeps, kind: Kind): void => {
  app.post(
    `/v1/${kind.noun}s/:id/links`,
    {
      schema: {
        operationId: `create${capitalized(kind.noun)}Link`,
        summary: `Create a link to download the file of this ${kind.noun} without a key`,
        tags: [`${kind.noun}s`],
        params: paramsSchema,
        body: newLinkSchema.prefault({}),
        response: { 201: createdLinkSchema.describe('The link. Its `url` is shown only once') },
      },
      // No body is the same as `{}`; the JSON value `null` is not. The validator sees both as null.
      preValidation: async (request) => {
        if (request.body === undefined) request.body = { expiresInHours: MAX_LINK_HOURS };
      },
    },
    async ({ params, body, actor, workspaceId }, reply) => {
      const file = requireOpenFile(await getFile(kind, db, workspaceId, params.id));
      const link = await db.transaction().execute(async (trx) => {
        const hours = body.expiresInHours;
        const created = await createLink(trx, { exportId: file.id, createdBy: actor.id, hours });
        if (created === undefined) {
          throw problem('link-expired', `The file of ${kind.noun} ${file.id} has expired.`);
        }
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

/** @throws ProblemError 404 if it does not exist, or belongs to another workspace */
const getFile = async ({ noun, find }: Kind, db: Db, workspaceId: string, id: string) => {
  const row = await find(db, workspaceId, id);
  if (row === undefined) throw notFound(noun);
  return row;
};

const registerList = (app: App, { database: { db } }: ApiDeps, kind: Kind): void => {
  app.get(
    `/v1/${kind.noun}s/:id/links`,
    {
      schema: {
        operationId: `list${capitalized(kind.noun)}Links`,
        summary: `List the links to this ${kind.noun}, newest first, including the link of its mail and ended links`,
        tags: [`${kind.noun}s`],
        params: paramsSchema,
        querystring: z.strictObject({}),
        response: {
          200: z.object({ data: z.array(linkSchema), nextCursor: z.null() }).describe('The links'),
        },
      },
    },
    async ({ params, workspaceId }) => {
      const file = await getFile(kind, db, workspaceId, params.id);
      const links = file.id === null ? [] : await listLinks(db, file.id);
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

const registerRevoke = (app: App, { database: { db } }: ApiDeps, kind: Kind): void => {
  app.delete(
    `/v1/${kind.noun}s/:id/links/:linkId`,
    {
      schema: {
        operationId: `revoke${capitalized(kind.noun)}Link`,
        summary: 'Revoke a link; revoking it again is not an error',
        tags: [`${kind.noun}s`],
        params: paramsSchema.extend({ linkId: z.uuid() }),
        response: { 204: z.undefined().describe('The link no longer works') },
      },
    },
    async ({ params: { id, linkId }, actor, workspaceId }, reply) => {
      const file = await getFile(kind, db, workspaceId, id);
      const exportId = file.id;
      if (exportId === null) throw notFound('link');
      await db.transaction().execute(async (trx) => {
        const revocation = await revokeLink(trx, { exportId, linkId });
        if (revocation === 'unknown') throw notFound('link');
        if (revocation === 'revokedBefore') return;
        await recordActivity(trx, {
          kind: 'linkRevoked',
          workspaceId,
          actorKeyId: actor.id,
          jobId: file.job_id,
          exportId,
        });
      });
      return reply.code(204).send();
    },
  );
};
