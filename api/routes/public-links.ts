import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { findLink } from '../../db/download-links.ts';
import { readLinkToken } from '../../storage/link-token.ts';
import type { ApiDeps, App } from '../app.ts';
import { problemSchema } from '../openapi.ts';
import { LINK_PAGE_CSP, renderLinkPage, renderNoLinkPage } from '../link-page.ts';
import { problem } from '../problems.ts';
import { FILE_ANSWER, requireOpenFile, sendExport, type OpenFile } from '../send-export.ts';

type OpenLink = {
  status: 'open';
  linkId: string;
  linkExpiresAt: Date;
  workspaceName: string;
  file: OpenFile;
};
type NoLink = { status: 'unknown' } | { status: 'ended' };

const ANSWERS = {
  unknown: {
    slug: 'not-found',
    code: 404,
    title: 'There is no such link',
    advice: 'Check that the whole address was copied, or ask whoever sent it for a new one.',
  },
  ended: {
    slug: 'link-expired',
    code: 410,
    title: 'This link has ended',
    advice: 'It or its file has expired, or it was taken back. Ask an admin for a new one.',
  },
} as const;

const hasEnded = (link: NonNullable<Awaited<ReturnType<typeof findLink>>>): boolean =>
  link.link_is_over || link.is_over || link.state !== 'verified';

/** Looks behind a token. A forged one never reaches the database. */
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

const wantsJson = ({ headers: { accept = '' } }: FastifyRequest): boolean =>
  /\bapplication\/(?:problem\+)?json\b/.test(accept) && !accept.includes('text/html');

const sendPage = (reply: FastifyReply, page: string): FastifyReply =>
  reply
    .header('content-security-policy', LINK_PAGE_CSP)
    .type('text/html; charset=utf-8')
    .serializer((html: string) => html)
    .send(page);

const sendNoLink = (request: FastifyRequest, reply: FastifyReply, { status }: NoLink) => {
  const { slug, code, title, advice } = ANSWERS[status];
  if (wantsJson(request)) throw problem(slug, `${title}. ${advice}`);
  return sendPage(reply.code(code), renderNoLinkPage(title, advice));
};

const PAGE = { description: 'A page', content: { 'text/html': { schema: z.string() } } };
/** A person gets a page, a program that asks for JSON a problem. */
const NO_LINK = {
  description: 'No such link, or it has ended',
  content: { ...PAGE.content, 'application/problem+json': { schema: problemSchema } },
};
const NOT_MODIFIED = z.undefined().describe('The file is the one that `If-None-Match` names');

const paramsSchema = z.strictObject({ token: z.string() });

/** Lets no address with a token leave with a click, or enter a search engine or a cache. */
const hide = (reply: FastifyReply): FastifyReply =>
  reply
    .header('referrer-policy', 'no-referrer')
    .header('x-robots-tag', 'noindex, nofollow')
    .header('cache-control', 'no-store');

/** The links of mails: a page, then the file. The token is the only key. */
export const registerPublicLinkRoutes = (app: App, deps: ApiDeps): void => {
  app.get(
    '/d/:token',
    {
      schema: {
        operationId: 'getLinkPage',
        summary: 'The page a link of a mail leads to; looking at it uses nothing up',
        tags: ['links'],
        params: paramsSchema,
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
        summary: 'The file a link leads to; each download is in the activity log',
        tags: ['links'],
        params: paramsSchema,
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
