import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LINK_PAGE_CSP, renderNoLinkPage } from './link-page.ts';
import { problemSchema } from '../openapi/openapi.ts';
import { problem } from '../http/problems.ts';

/**
 * What the links of mails have in common: answers to people without a key, and to machines that
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

/** A link that leads nowhere: not one of ours, or no longer one. */
export interface NoLink {
  status: keyof typeof ANSWERS;
}

const wantsJson = ({ headers: { accept = '' } }: FastifyRequest): boolean =>
  /\bapplication\/(?:problem\+)?json\b/.test(accept) && !accept.includes('text/html');

export const sendPage = (reply: FastifyReply, page: string): FastifyReply =>
  reply
    .header('content-security-policy', LINK_PAGE_CSP)
    .type('text/html; charset=utf-8')
    .serializer((html: string) => html)
    .send(page);

/**
 * A person gets a page, a program that asks for JSON a problem. @throws ProblemError for a program
 */
export const sendNoLink = (request: FastifyRequest, reply: FastifyReply, { status }: NoLink) => {
  const { slug, code, title, advice } = ANSWERS[status];
  if (wantsJson(request)) throw problem(slug, `${title}. ${advice}`);
  return sendPage(reply.code(code), renderNoLinkPage(title, advice));
};

export const PAGE = { description: 'A page', content: { 'text/html': { schema: z.string() } } };
export const NO_LINK = {
  description: 'The link does not exist or has ended',
  content: { ...PAGE.content, 'application/problem+json': { schema: problemSchema } },
};

export const tokenParams = z.strictObject({ token: z.string() });

/** Lets no address with a token leave with a click, or enter a search engine or a cache. */
export const hide = (reply: FastifyReply): FastifyReply =>
  reply
    .header('referrer-policy', 'no-referrer')
    .header('x-robots-tag', 'noindex, nofollow')
    .header('cache-control', 'no-store');
