import type { Role } from '../api/session-info.ts';

export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  admin: 'Admin',
  platform: 'Platform team',
  ops: 'Operations',
};
