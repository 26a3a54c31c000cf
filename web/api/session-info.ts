import type { paths } from './schema.d.ts';

/** The key that is signed in, its workspace, and what is possible now. */
export type Me = paths['/v1/me']['get']['responses'][200]['content']['application/json'];

export type Role = Me['key']['role'];

export interface SessionInfo {
  /** Sent with each request that changes something. It proves that this page sends it. */
  csrfToken: string;
  expiresAt: string;
  me: Me;
}
