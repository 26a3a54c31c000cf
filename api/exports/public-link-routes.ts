import { z } from 'zod';
import { findLink } from '../../db/exports/download-links.ts';
import { readLinkToken } from '../../files/link-token.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { renderLinkPage } from './link-page.ts';
import {
  hide,
  NO_LINK,
  type NoLink,
  PAGE,
  sendNoLink,
  sendPage,
  tokenParams,
} from './public-page.ts';
import { FILE_ANSWER, requireOpenFile, sendExport, type OpenFile } from './send-export.ts';

type OpenLink = {
  status: 'open';
  linkId: string;
  linkExpiresAt: Date;
  workspaceName: string;
  file: OpenFile;
};

const NOT_MODIFIED = z.undefined().describe('The file is the one that `If-None-Match` names');

/** The links in mails: a page, then the file. The token is the only key. */
export const registerPublicLinkRoutes = (app: App, deps: ApiDeps): void => {
  app.get(
    '/d/:token',
    {
      schema: {
        operationId: 'getLinkPage',
        summary: 'The page of a link in a mail; opening the page does not use up the link',
        tags: ['links'],
        params: tokenParams,
        response: { 200: PAGE, 404: NO_LINK, 410: NO_LINK },
      },
    },
    async (request, reply) => {
      const { token } = request.params;
      const link = await openLink(deps, token);
      hide(reply);
      if (link.status !== 'open') return sendNoLink(request, reply, link);
      return sendPage(reply, renderLinkPage({ token, ...link }));
    },
  );

  app.get(
    '/d/:token/file',
    {
      schema: {
        operationId: 'downloadByLink',
        summary: 'The file of a link; each download is in the activity log',
        tags: ['links'],
        params: tokenParams,
        response: {
          200: FILE_ANSWER,
          206: FILE_ANSWER,
          304: NOT_MODIFIED,
          404: NO_LINK,
          410: NO_LINK,
        },
      },
    },
    async (request, reply) => {
      const link = await openLink(deps, request.params.token);
      hide(reply);
      if (link.status !== 'open') return sendNoLink(request, reply, link);
      return sendExport(deps, { request, reply }, link.file, { reason: `link ${link.linkId}` });
    },
  );
};

/** Looks up the link of a token. A forged token never reaches the database. */
const openLink = async (deps: ApiDeps, token: string): Promise<OpenLink | NoLink> => {
  const linkId = readLinkToken(token, deps.config.linkSecret);
  if (linkId === undefined) return { status: 'unknown' };
  const link = await findLink(deps.database.db, linkId);
  if (link === undefined) return { status: 'unknown' };
  if (hasEnded(link)) return { status: 'ended' };
  return {
    status: 'open',
    linkId,
    linkExpiresAt: link.link_expires_at,
    workspaceName: link.workspace_name,
    file: requireOpenFile(link),
  };
};

const hasEnded = (link: NonNullable<Awaited<ReturnType<typeof findLink>>>): boolean =>
  link.link_is_over || link.is_over || link.state !== 'verified';
