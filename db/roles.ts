/** Roles of the database that the schema makes. */

/** The role of the API: it writes what was asked for, and can neither back up nor delete. */
export const API_ROLE = 'keepsake_api';
/** The role of the worker: it deletes by `delete_backed_up_users` alone. */
export const WORKER_ROLE = 'keepsake_worker';

/** Those that statements run as: API and worker, and the owners of functions. */
export const ACTING_ROLES = [
  API_ROLE,
  WORKER_ROLE,
  'keepsake_deleter',
  'keepsake_eraser',
  'keepsake_gate',
] as const;

/** All of them; the first has what API and worker have in common. */
export const ROLES = ['keepsake_app', ...ACTING_ROLES] as const;
