/**
 * The paths of the console's pages, in the router's form: `$id` is a part that varies. The API
 * answers these paths with the page, and no others; the router has a page for each.
 */
export const CONSOLE_PATHS = [
  '/',
  '/holds',
  '/jobs',
  '/jobs/$id',
  '/segments',
  '/segments/$id',
  '/segments/new',
  '/settings',
  '/sign-in',
  '/users',
  '/users/$id',
] as const;

/** Stands in the built page where each response has its own nonce. */
export const NONCE_PLACEHOLDER = 'KEEPSAKE-NONCE';

export type ConsolePath = (typeof CONSOLE_PATHS)[number];
