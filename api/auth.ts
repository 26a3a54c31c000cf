import type { FastifyRequest } from 'fastify';
import { findApiKey, proofOf } from '../db/api-keys.ts';
import type { Db } from '../db/client.ts';
import type { Role } from '../db/schema.ts';
import { findWorkspace } from '../db/workspaces.ts';
import { type Access, findAccess } from './access.ts';
import { createKeyUses } from './key-uses.ts';
import {
  invalidRequest,
  isProblem,
  notFound,
  problem,
  type ProblemError,
} from './http/problems.ts';
import type { App } from './http/app.ts';
import type { Rates } from './rate-limit.ts';

/** The key a request came with. */
export interface Actor {
  id: string;
  /** Short form of the id, shown to people. */
  shownId: string;
  /** Proves to the database that the key's holder sent the request. Never stored or returned. */
  proof: Buffer;
  role: Role;
  /** The workspace of an admin key; null for keys that can access all workspaces. */
  workspaceId: string | null;
  ownerName: string;
  ownerEmail: string;
  expiresAt: Date | null;
  /** Last use before this request, to the minute. */
  lastUsedAt: Date | null;
}

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

const KEY_PATTERN = /^Bearer (ks_[A-Za-z0-9_-]{43})$/i;

/** An unknown path or method: anyone may request it and gets an error. */
const UNKNOWN: Access = { public: true };

/**
 * Determines the caller, the workspace and the rate limit before the body
 * is read.
 */
export const authenticate = (app: App, db: Db, rates: Rates): void => {
  const uses = createKeyUses(app, db);
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
    await rates.requireRoom(request);
    const found =
      access.public === true ? null : await findActor(db, request.headers.authorization);
    // Counted first: a request with an unknown key counts for its address.
    if (!isProblem(found)) request.access.actor = found;
    if (request.access.actor !== null) uses.note(request.access.actor);
    await rates.count(request, reply);
    if (isProblem(found)) throw found;
    if (access.public !== true) await admit(db, request, access);
  });
};

const unauthenticated = (detail: string) =>
  problem('unauthenticated', detail, {
    headers: { 'www-authenticate': 'Bearer realm="keepsake"' },
  });

/** The owner of the key of a request, or the problem with the key. */
const findActor = async (db: Db, header: string | undefined): Promise<Actor | ProblemError> => {
  if (header === undefined) return unauthenticated('The request has no Authorization header.');
  const key = KEY_PATTERN.exec(header)?.[1];
  if (key === undefined)
    return unauthenticated('The Authorization header must have the form: Bearer ks_…');
  const row = await findApiKey(db, key);
  if (row === undefined) return unauthenticated('This key is unknown, revoked or expired.');
  return {
    id: row.id,
    shownId: row.shown_id,
    proof: proofOf(key),
    role: row.role,
    workspaceId: row.workspace_id,
    ownerName: row.owner_name,
    ownerEmail: row.owner_email,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  };
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
