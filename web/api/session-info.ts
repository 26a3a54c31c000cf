import type { components, paths } from './schema.d.ts';

/** The key that is signed in, its workspace, and what is possible now. */
export type Me = paths['/v1/me']['get']['responses'][200]['content']['application/json'];

export type Role = Me['key']['role'];

/** `csrfToken` is sent with each request that changes something. */
export type SessionInfo = components['schemas']['Session'];
