import type { RouteOptions } from 'fastify';
import { KEY_ROLES, type Role } from '../db/schema.ts';
import { CONSOLE_PATHS } from '../rules/console-paths.ts';
import { toRoutePath } from './console/route-path.ts';

/**
 * The roles that may call a route, and how its workspace is found. `one`: the route needs one
 * workspace: the workspace of the admin, or `?workspace=` of other keys. `byId`: an id in the path
 * determines the workspace, and `?workspace=` is optional. `all`: the route covers all workspaces
 * that the key can access, or the named workspace. `none`: the route needs no workspace.
 * `isUnlimited`: no rate limit, for probes, monitoring, and the files of the console.
 * `isOfSession`: signs in or out, and refuses requests that a page of another site caused.
 */
export type Access =
  | { public: true; isUnlimited?: true; isOfSession?: true }
  | { public?: false; roles: readonly Role[]; workspace: 'one' | 'byId' | 'all' | 'none' };

const PUBLIC: Access = { public: true };
const PROBE: Access = { public: true, isUnlimited: true };
const PAGE: Access = { public: true, isUnlimited: true };
const OF_SESSION: Access = { public: true, isOfSession: true };
const ADMINS: Access = { roles: ['admin'], workspace: 'one' };
const PLATFORM: Access = { roles: ['platform'], workspace: 'byId' };
const ALL_IN_ALL: Access = { roles: KEY_ROLES, workspace: 'all' };
const ALL_BY_ID: Access = { roles: KEY_ROLES, workspace: 'byId' };

/** Every route of the API. Routes with users, samples or ids of users are for admins only. */
export const ACCESS: Readonly<Record<string, Access>> = {
  ...Object.fromEntries(CONSOLE_PATHS.map((path) => [`GET ${toRoutePath(path)}`, PAGE])),
  'GET /assets/*': PAGE,
  'GET /healthz': PROBE,
  'GET /readyz': PROBE,
  'GET /metrics': PROBE,
  'GET /openapi.json': PUBLIC,
  'GET /problems/:slug': PUBLIC,
  'GET /d/:token': PUBLIC,
  'GET /d/:token/file': PUBLIC,
  'GET /p/:token': PUBLIC,
  'GET /p/:token/log': PUBLIC,
  'GET /docs': PUBLIC,
  'GET /docs/': PUBLIC,
  'GET /docs/json': PUBLIC,
  'GET /docs/yaml': PUBLIC,
  'GET /docs/static/*': PUBLIC,
  'GET /docs/static/index.html': PUBLIC,
  'GET /docs/static/swagger-initializer.js': PUBLIC,
  'GET /docs/static/theme/docs.css': PUBLIC,
  'GET /docs/static/theme/theme.js': PUBLIC,
  'GET /docs/static/theme/docs.js': PUBLIC,
  'GET /docs/static/theme/icon.svg': PUBLIC,

  'GET /v1/me': ALL_BY_ID,
  'POST /v1/session': OF_SESSION,
  'GET /v1/session': ALL_BY_ID,
  'DELETE /v1/session': OF_SESSION,
  'GET /v1/settings': ALL_BY_ID,
  'GET /v1/workspaces': ALL_IN_ALL,
  'GET /v1/overview': ALL_IN_ALL,

  'GET /v1/users': ADMINS,
  'POST /v1/users': ADMINS,
  'GET /v1/users/:userId': ADMINS,
  // The platform team may set and clear holds, and may not read or write anything else here.
  'PATCH /v1/users/:userId': { roles: ['admin', 'platform'], workspace: 'one' },
  'DELETE /v1/users/:userId': ADMINS,

  'GET /v1/properties': ADMINS,
  'POST /v1/properties': ADMINS,
  'GET /v1/segments': ADMINS,
  'POST /v1/segments': ADMINS,
  'GET /v1/segments/:id': ADMINS,
  'PATCH /v1/segments/:id': ADMINS,
  'DELETE /v1/segments/:id': ADMINS,

  'GET /v1/user-lists': ADMINS,
  'POST /v1/user-lists': ADMINS,
  'GET /v1/user-lists/:id': ADMINS,
  'DELETE /v1/user-lists/:id': ADMINS,
  'GET /v1/user-lists/:id/not-found': ADMINS,

  'POST /v1/imports': ADMINS,
  'GET /v1/imports/:id': ALL_BY_ID,
  'GET /v1/imports/:id/records': ADMINS,
  'GET /v1/imports/:id/records/summary': ALL_BY_ID,
  'GET /v1/imports/:id/log': ADMINS,
  'GET /v1/import-mappings': ADMINS,
  'GET /v1/import-mappings/:name': ADMINS,
  'PUT /v1/import-mappings/:name': ADMINS,
  'DELETE /v1/import-mappings/:name': ADMINS,

  'POST /v1/exports': ADMINS,
  'GET /v1/exports/:id': ALL_BY_ID,
  'GET /v1/exports/:id/file': ADMINS,
  'GET /v1/exports/:id/links': ADMINS,
  'POST /v1/exports/:id/links': ADMINS,
  'DELETE /v1/exports/:id/links/:linkId': ADMINS,

  'POST /v1/deletion-previews': ADMINS,
  'POST /v1/deletions': ADMINS,
  'GET /v1/deletions/:id': ALL_BY_ID,
  'GET /v1/deletions/:id/records': ADMINS,
  'GET /v1/deletions/:id/records/summary': ALL_BY_ID,
  'GET /v1/deletions/:id/log': ADMINS,

  'GET /v1/delete-all-requests': ALL_IN_ALL,
  'POST /v1/delete-all-requests': ADMINS,
  'GET /v1/delete-all-requests/:id': ALL_BY_ID,
  'POST /v1/delete-all-requests/:id/notify': ALL_BY_ID,
  'POST /v1/delete-all-requests/:id/approve': PLATFORM,
  'POST /v1/delete-all-requests/:id/deny': PLATFORM,
  'POST /v1/delete-all-requests/:id/revoke': PLATFORM,
  'POST /v1/delete-all-requests/:id/withdraw': ADMINS,
  'POST /v1/delete-all-requests/:id/preview': ADMINS,
  'POST /v1/delete-all-requests/:id/run': ADMINS,

  'GET /v1/backups': ALL_IN_ALL,
  'GET /v1/backups/:id': ALL_BY_ID,
  'GET /v1/backups/:id/file': ADMINS,
  'GET /v1/backups/:id/links': ADMINS,
  'POST /v1/backups/:id/links': ADMINS,
  'DELETE /v1/backups/:id/links/:linkId': ADMINS,
  'PATCH /v1/backups/:id': { roles: ['admin', 'platform'], workspace: 'byId' },
  'POST /v1/backups/:id/purge': { roles: ['platform'], workspace: 'byId' },
  'POST /v1/backups/:id/restore-previews': ADMINS,
  'POST /v1/backups/:id/restores': ADMINS,

  'GET /v1/restores/:id': ALL_BY_ID,
  'GET /v1/restores/:id/records': ADMINS,
  'GET /v1/restores/:id/records/summary': ALL_BY_ID,
  'GET /v1/restores/:id/log': ADMINS,

  'GET /v1/jobs': ALL_IN_ALL,
  'GET /v1/jobs/:id': ALL_BY_ID,
  'GET /v1/jobs/:id/events': ALL_BY_ID,
  'POST /v1/jobs/:id/cancel': ALL_BY_ID,
  'POST /v1/jobs/:id/notify': ALL_BY_ID,
  'POST /v1/jobs/:id/retry': { roles: ['admin', 'ops'], workspace: 'byId' },

  'GET /v1/webhooks': ADMINS,
  'POST /v1/webhooks': ADMINS,
  'GET /v1/webhooks/:id': ADMINS,
  'PATCH /v1/webhooks/:id': ADMINS,
  'DELETE /v1/webhooks/:id': ADMINS,
  'POST /v1/webhooks/:id/rotate-secret': ADMINS,
  'POST /v1/webhooks/:id/test': ADMINS,
  'GET /v1/webhooks/:id/deliveries': ADMINS,
  'GET /v1/webhooks/:id/deliveries/:deliveryId': ADMINS,
  'POST /v1/webhooks/:id/deliveries/:deliveryId/replay': ADMINS,

  'GET /v1/activity': ALL_IN_ALL,
  'GET /v1/activity/:id/log': ADMINS,
};

/** The entry of a route in the table; HEAD uses the entry of GET. */
export const findAccess = (method: string, url: string): Access | undefined =>
  ACCESS[`${method === 'HEAD' ? 'GET' : method} ${url}`];

/**
 * @throws Error if a route has no entry in the table: its access must be decided first
 */
export const requireAccess = ({ method, url }: Pick<RouteOptions, 'method' | 'url'>): void => {
  for (const name of [method].flat()) {
    if (findAccess(name, url) === undefined) {
      throw new Error(
        `${name} ${url} has no line in api/access.ts: add the roles that may call it`,
      );
    }
  }
};
