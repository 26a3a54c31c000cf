/** Roles of the database that the schema makes. */

/** The role of the API. It writes requests, and can neither back up nor delete users. */
export const API_ROLE = 'keepsake_api';
/** The role of the worker. It deletes users through `delete_backed_up_users` only. */
export const WORKER_ROLE = 'keepsake_worker';

/** Roles that run statements: the API, the worker, and the owners of functions. */
export const ACTING_ROLES = [
  API_ROLE,
  WORKER_ROLE,
  'keepsake_deleter',
  'keepsake_eraser',
  'keepsake_gate',
] as const;

/** All roles. The first has the grants that API and worker share. */
export const ROLES = ['keepsake_app', ...ACTING_ROLES] as const;
