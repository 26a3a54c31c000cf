import type { FastifyRequest } from 'fastify';
import { problem, type ProblemError } from '../http/problems.ts';
import { isHttps } from './session-cookie.ts';

/**
 * Refuses a request that a page of another site or origin makes a browser send. Browsers set these
 * headers, and pages cannot change them. Programs send none of them, and are accepted.
 *
 * @throws ProblemError `cross-site-request`
 */
export const requireOwnSite = (request: FastifyRequest, publicUrl: string): void => {
  // `none`: the user entered the address, or opened a link of another program. No page sends this.
  if (!isFrom(request, isSafe(request) ? ['same-origin', 'none'] : ['same-origin'])) {
    throw foreign('Only pages of this API may use a session, sign in or sign out.');
  }
  const { origin } = request.headers;
  if (origin !== undefined && !isOwnOrigin(origin, request, publicUrl)) {
    throw foreign('The Origin header names neither PUBLIC_URL nor the host of the request.');
  }
};

/**
 * As `requireOwnSite`, for routes that need no session: the user may follow a link there from
 * another site, such as a mail. Other requests of another site have no use, because browsers do not
 * show the answer to the page. They could only use up the limit of the user's address.
 *
 * @throws ProblemError `cross-site-request`
 */
export const requireOwnSiteOrLink = (request: FastifyRequest): void => {
  const { 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = request.headers;
  // A page can have a browser load a link ahead, without any click.
  const isAhead = request.headers['sec-purpose'] !== undefined;
  const isLink = isSafe(request) && !isAhead && mode === 'navigate' && destination === 'document';
  if (isLink || isFrom(request, ['same-origin', 'none'])) return;
  throw foreign('Pages of other sites may link to this path, and may not load it.');
};

/** Whether a method changes nothing. */
export const isSafe = ({ method }: FastifyRequest): boolean =>
  method === 'GET' || method === 'HEAD';

const isFrom = ({ headers }: FastifyRequest, sites: readonly string[]): boolean => {
  const { 'sec-fetch-site': site } = headers;
  return site === undefined || sites.includes(site);
};

const foreign = (detail: string): ProblemError =>
  problem('cross-site-request', `A page of another site or origin sent this request. ${detail}`);

/**
 * The API may have several names. A proxy may end TLS, so https is always right; http is not if
 * `PUBLIC_URL` is https.
 */
const isOwnOrigin = (origin: string, { host }: FastifyRequest, publicUrl: string): boolean => {
  if (origin === new URL(publicUrl).origin || origin === originOf(`https://${host}`)) return true;
  return !isHttps(publicUrl) && origin === originOf(`http://${host}`);
};

/** In the spelling of browsers: in lower case, and without the default port. */
const originOf = (url: string): string | undefined =>
  URL.canParse(url) ? new URL(url).origin : undefined;
