import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LINK_PAGE_CSP, renderNoLinkPage } from './link-page.ts';
import { problemSchema } from '../openapi/openapi.ts';
import { problem } from '../http/problems.ts';

/**
 * Common parts of the links in mails: responses to people without a key, and to programs that
 * follow them.
 */

const ANSWERS = {
  unknown: {
    slug: 'not-found',
    code: 404,
    title: 'This link does not exist',
    advice: 'Check that the whole address was copied, or ask the sender for a new link.',
  },
  ended: {
    slug: 'link-expired',
    code: 410,
    title: 'This link has ended',
    advice:
      'The link or its file has expired, or the link was revoked. Ask an admin for a new link.',
  },
} as const;

/** An unknown or ended link. */
export interface NoLink {
  status: keyof typeof ANSWERS;
}

export const PAGE = { description: 'A page', content: { 'text/html': { schema: z.string() } } };
export const NO_LINK = {
  description: 'The link does not exist or has ended',
  content: { ...PAGE.content, 'application/problem+json': { schema: problemSchema } },
};

export const tokenParams = z.strictObject({ token: z.string() });

export const sendPage = (reply: FastifyReply, page: string): FastifyReply =>
  reply
    .header('content-security-policy', LINK_PAGE_CSP)
    .type('text/html; charset=utf-8')
    .serializer((html: string) => html)
    .send(page);

/**
 * A person gets a page; a program that requests JSON gets a problem. @throws ProblemError then
 */
export const sendNoLink = (request: FastifyRequest, reply: FastifyReply, { status }: NoLink) => {
  const { slug, code, title, advice } = ANSWERS[status];
  if (wantsJson(request)) throw problem(slug, `${title}. ${advice}`);
  return sendPage(reply.code(code), renderNoLinkPage(title, advice));
};

/** Keeps URLs with a token out of referrers, search engines and caches. */
export const hide = (reply: FastifyReply): FastifyReply =>
  reply
    .header('referrer-policy', 'no-referrer')
    .header('x-robots-tag', 'noindex, nofollow')
    .header('cache-control', 'no-store');

const wantsJson = ({ headers: { accept = '' } }: FastifyRequest): boolean =>
  /\bapplication\/(?:problem\+)?json\b/.test(accept) && !accept.includes('text/html');
