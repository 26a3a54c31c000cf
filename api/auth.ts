import type { FastifyRequest } from 'fastify';
import type { Db } from '../db/client.ts';
import { findWorkspace } from '../db/workspaces.ts';
import { type Access, findAccess } from './access.ts';
import { type Actor, findActor, unauthenticated } from './actor.ts';
import { createKeyUses } from './key-uses.ts';
import { invalidRequest, isProblem, notFound, problem } from './http/problems.ts';
import type { App } from './http/app.ts';
import type { Rates } from './rate-limit.ts';
import { requireCsrfToken } from './sessions/csrf-token.ts';
import { requireOwnSite, requireOwnSiteOrLink } from './sessions/own-site.ts';
import { createSessionCookie } from './sessions/session-cookie.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Set before the body is read; read it with `actor` and `workspaceId`. `jobId` is the id of a
     * job that the request started.
     */
    access: { actor: Actor | null; workspaceId: string | null; jobId?: string };
    /** The caller. A public route has no caller and must not read this. */
    readonly actor: Actor;
    /** The workspace of the request. @throws ProblemError if the request has no workspace */
    readonly workspaceId: string;
  }
}

/** An unknown path or method: anyone may request it and gets an error. */
const UNKNOWN: Access = { public: true };

interface AuthDeps {
  db: Db;
  rates: Rates;
  publicUrl: string;
}

/**
 * Determines the caller, the workspace and the rate limit before the body
 * is read.
 */
export const authenticate = (app: App, { db, rates, publicUrl }: AuthDeps): void => {
  const uses = createKeyUses(app, db);
  const cookie = createSessionCookie(publicUrl);
  app.decorateRequest('access');
  app.decorateRequest('actor', {
    getter(this: FastifyRequest) {
      if (this.access.actor === null) throw unauthenticated('This requires an API key.');
      return this.access.actor;
    },
  });
  app.decorateRequest('workspaceId', {
    getter(this: FastifyRequest) {
      if (this.access.workspaceId !== null) return this.access.workspaceId;
      throw problem('workspace-required', 'Name a workspace with ?workspace=<id>.');
    },
  });
  app.addHook('onRequest', async (request, reply) => {
    request.access = { actor: null, workspaceId: null };
    const { url } = request.routeOptions;
    const access = (url === undefined ? undefined : findAccess(request.method, url)) ?? UNKNOWN;
    if (access.public === true && access.isUnlimited === true) return;
    // Not counted: otherwise a page of another site could use up the limit of a user's address.
    refuseForeign(request, access, publicUrl);
    await rates.requireRoom(request);
    const found = access.public === true ? null : await findActor(db, request, cookie);
    // Counted first: a request with an unknown key counts for its address.
    if (!isProblem(found)) request.access.actor = found;
    if (request.access.actor !== null) uses.note(request.access.actor);
    await rates.count(request, reply);
    if (isProblem(found)) throw found;
    if (access.public !== true) {
      const { session } = request.actor;
      if (session !== null) requireCsrfToken(request, session.csrfToken);
      await admit(db, request, access);
    }
  });
};

/**
 * A request with a key is not refused: no browser adds a key by itself.
 *
 * @throws ProblemError if a page of another site sent the request
 */
const refuseForeign = (request: FastifyRequest, access: Access, publicUrl: string): void => {
  const isOfSession = access.public !== true || access.isOfSession === true;
  if (access.public !== true && request.headers.authorization !== undefined) return;
  if (isOfSession) requireOwnSite(request, publicUrl);
  else requireOwnSiteOrLink(request);
};

/** @throws ProblemError if the actor may not call the route or access the workspace */
const admit = async (
  db: Db,
  request: FastifyRequest,
  access: Exclude<Access, { public: true }>,
): Promise<void> => {
  const { actor } = request;
  if (!access.roles.includes(actor.role)) {
    const roles = access.roles.join(', ');
    throw problem(
      'forbidden',
      `This requires a key with the role ${roles}. Your key has the role ${actor.role}.`,
    );
  }
  const workspaceId = await findScope(db, actor, takeWorkspace(request));
  request.access.workspaceId = workspaceId;
  if (access.workspace === 'one' && workspaceId === null) {
    throw problem('workspace-required', 'Name a workspace with ?workspace=<id>.');
  }
};

const findScope = async (
  db: Db,
  actor: Actor,
  named: string | undefined,
): Promise<string | null> => {
  if (actor.workspaceId !== null) {
    if (named === undefined || named === actor.workspaceId) return actor.workspaceId;
    throw notFound('workspace');
  }
  if (named === undefined) return null;
  const workspace = named.includes('\0') ? undefined : await findWorkspace(db, named);
  if (workspace === undefined) throw notFound('workspace');
  return workspace.id;
};

/** Removes `?workspace=` from the query, so that the schemas of routes need not define it. */
const takeWorkspace = (request: FastifyRequest): string | undefined => {
  const query = request.query as Record<string, unknown>;
  const named = query['workspace'];
  delete query['workspace'];
  if (named === undefined || typeof named === 'string') return named;
  throw invalidRequest([{ detail: 'must be given only once', pointer: '?workspace' }]);
};
