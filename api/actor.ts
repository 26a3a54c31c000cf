import type { FastifyRequest } from 'fastify';
import { findApiKey, proofOf } from '../db/api-keys.ts';
import type { Db } from '../db/client.ts';
import type { Role } from '../db/schema.ts';
import { findSession } from '../db/sessions.ts';
import { problem, type ProblemError } from './http/problems.ts';
import { csrfTokenOf } from './sessions/csrf-token.ts';
import { isSessionId, type SessionCookie } from './sessions/session-cookie.ts';

/** The key a request came with, or the key of its session. */
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
  /** The session of the request; null if the request came with the key itself. */
  session: Session | null;
}

export interface Session {
  /** The hash in the database. It identifies the session, and proves nothing. Never logged. */
  hash: string;
  /** Never logged. */
  csrfToken: string;
  expiresAt: Date;
}

const KEY = /^ks_[A-Za-z0-9_-]{43}$/;
const BEARER = /^Bearer (\S+)$/i;

export const unauthenticated = (detail: string): ProblemError =>
  problem('unauthenticated', detail, {
    headers: { 'www-authenticate': 'Bearer realm="keepsake"' },
  });

/**
 * The owner of the key or session of a request, or the problem with it. An Authorization header
 * wins over a cookie, so that the cookie of a browser never replaces a key.
 */
export const findActor = (
  db: Db,
  request: FastifyRequest,
  cookie: SessionCookie,
): Promise<Actor | ProblemError> => {
  const { authorization } = request.headers;
  return authorization === undefined
    ? findActorOfSession(db, cookie.read(request))
    : findActorOfHeader(db, authorization);
};

/** The owner of a key, or the problem with the key. */
export const findActorOfKey = async (db: Db, key: string): Promise<Actor | ProblemError> => {
  const row = KEY.test(key) ? await findApiKey(db, key) : undefined;
  if (row === undefined) return unauthenticated('This key is unknown, revoked or expired.');
  return { ...toActor(row), proof: proofOf(key), session: null };
};

const findActorOfHeader = async (db: Db, header: string): Promise<Actor | ProblemError> => {
  const key = BEARER.exec(header)?.[1] ?? '';
  if (KEY.test(key)) return findActorOfKey(db, key);
  return unauthenticated('The Authorization header must have the form: Bearer ks_…');
};

const findActorOfSession = async (
  db: Db,
  sessionIds: readonly string[],
): Promise<Actor | ProblemError> => {
  const [id, another] = sessionIds;
  if (id === undefined) {
    return unauthenticated('The request has neither an Authorization header nor a session cookie.');
  }
  // Another site of the same domain can add a cookie. Which of them is right cannot be known.
  if (another !== undefined) {
    return unauthenticated(
      'The request has several session cookies. Sign out, then sign in again.',
    );
  }
  if (!isSessionId(id)) return unauthenticated('The session cookie is malformed. Sign in again.');
  const row = await findSession(db, id);
  if (row === undefined) return unauthenticated('The session has ended. Sign in again.');
  const session = {
    hash: row.session_hash,
    csrfToken: csrfTokenOf(id),
    expiresAt: row.session_expires_at,
  };
  return { ...toActor(row), proof: proofOf(id), session };
};

type KeyRow = NonNullable<Awaited<ReturnType<typeof findApiKey>>>;

const toActor = (row: KeyRow): Omit<Actor, 'proof' | 'session'> => ({
  id: row.id,
  shownId: row.shown_id,
  role: row.role,
  workspaceId: row.workspace_id,
  ownerName: row.owner_name,
  ownerEmail: row.owner_email,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
});
