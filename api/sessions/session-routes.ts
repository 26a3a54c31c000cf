import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { beginSession, endSessions, findSession } from '../../db/sessions.ts';
import { type Actor, findActorOfKey, type Session, unauthenticated } from '../actor.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { SIGN_IN_BODY_LIMIT_BYTES } from '../http/limits.ts';
import { isProblem, problem } from '../http/problems.ts';
import { meSchema, readMe } from '../service/me.ts';
import { csrfTokenOf, requireCsrfToken } from './csrf-token.ts';
import {
  createSessionCookie,
  isSessionId,
  newSessionId,
  type SessionCookie,
} from './session-cookie.ts';

/** Far longer than a key and the white space that people paste with it. */
const MAX_KEY_LENGTH = 1_000;

const signInSchema = z
  .strictObject({
    key: z.string().max(MAX_KEY_LENGTH).describe('A key. White space around it is ignored'),
  })
  .meta({ id: 'SignIn', examples: [{ key: 'ks_…' }] });

const sessionSchema = z
  .object({
    csrfToken: z
      .string()
      .describe(
        'Send it in `X-CSRF-Token` with each request that is not GET or HEAD. With GET or HEAD it may be left out',
      ),
    expiresAt: z.string().describe('The session ends then, or after two hours without a request'),
    me: meSchema.describe('As `GET /v1/me`'),
  })
  .meta({ id: 'Session' });

/** Sessions of browsers: a cookie in place of a key. */
export const registerSessionRoutes = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  const cookie = createSessionCookie(deps.config.publicUrl);
  registerSignIn(app, db, cookie);
  registerRead(app, db);
  registerSignOut(app, db, cookie);
};

const registerSignIn = (app: App, db: Db, cookie: SessionCookie): void => {
  app.post(
    '/v1/session',
    {
      bodyLimit: SIGN_IN_BODY_LIMIT_BYTES,
      schema: {
        operationId: 'startSession',
        summary: 'Sign in with a key: start a session of this browser',
        tags: ['sessions'],
        querystring: z.strictObject({}),
        body: signInSchema,
        response: {
          200: sessionSchema.describe('The session. `Set-Cookie` holds its secret id'),
        },
      },
    },
    async (request, reply) => {
      const key = request.body.key.trim();
      const actor = await findActorOfKey(db, key);
      if (isProblem(actor)) throw actor;
      const id = newSessionId();
      const expiresAt = await beginSession(db, { key, sessionId: id });
      if (expiresAt === undefined) throw unauthenticated('This key was just revoked or expired.');
      request.access.actor = actor;
      // The browser forgets the id of its previous session.
      await endSessions(db, cookie.read(request));
      const session = { csrfToken: csrfTokenOf(id), expiresAt };
      const answer = await toJson(db, { session, actor, workspaceId: actor.workspaceId });
      cookie.set(reply, id, expiresAt);
      return answer;
    },
  );
};

const registerRead = (app: App, db: Db): void => {
  app.get(
    '/v1/session',
    {
      schema: {
        operationId: 'getSession',
        summary: 'Get the current session',
        tags: ['sessions'],
        querystring: z.strictObject({}),
        response: { 200: sessionSchema.describe('The session, and its token for requests') },
      },
    },
    async ({ actor, access: { workspaceId } }) => {
      const { session } = actor;
      if (session === null) {
        throw problem('not-found', 'The request was sent with a key. A key has no session.');
      }
      return toJson(db, { session, actor, workspaceId });
    },
  );
};

const registerSignOut = (app: App, db: Db, cookie: SessionCookie): void => {
  app.delete(
    '/v1/session',
    {
      schema: {
        operationId: 'endSession',
        summary: 'Sign out: end the session, and its event streams',
        tags: ['sessions'],
        querystring: z.strictObject({}),
        response: {
          204: z.undefined().describe('No session is left, and `Set-Cookie` removes the cookie'),
        },
      },
    },
    async (request, reply) => {
      const ids = cookie.read(request);
      await requireTokenOfLive(db, request, ids);
      await endSessions(db, ids);
      cookie.clear(reply);
      return reply.code(204).send();
    },
  );
};

/**
 * A browser with several cookies cannot learn a token, because no session is read for it. It signs
 * out without one; a page of another site cannot send this request.
 */
const requireTokenOfLive = async (
  db: Db,
  request: FastifyRequest,
  ids: readonly string[],
): Promise<void> => {
  const [id = ''] = ids;
  if (ids.length !== 1 || !isSessionId(id) || (await findSession(db, id)) === undefined) return;
  requireCsrfToken(request, csrfTokenOf(id));
};

const toJson = async (
  db: Db,
  {
    session,
    ...caller
  }: { session: Omit<Session, 'hash'>; actor: Actor; workspaceId: string | null },
) => ({
  csrfToken: session.csrfToken,
  expiresAt: session.expiresAt.toISOString(),
  me: await readMe(db, caller),
});
