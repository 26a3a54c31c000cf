import { Filter, House, ListChecks, Lock, type LucideIcon, Settings, Users } from 'lucide-react';
import type { Role } from '../api/session-info.ts';
import type { ConsolePath } from '../../rules/console-paths.ts';

export interface NavigationItem {
  path: ConsolePath;
  name: string;
  icon: LucideIcon;
  /** After `g`, this key opens the page. */
  letter: string;
  /** The roles that see the page; all roles if it is not given. */
  roles?: readonly Role[];
}

/** The pages of the navigation, in their order. A page is here once it is complete. */
const ITEMS: readonly NavigationItem[] = [
  { path: '/', name: 'Overview', icon: House, letter: 'o' },
  { path: '/users', name: 'Users', icon: Users, letter: 'u', roles: ['admin'] },
  { path: '/segments', name: 'Segments', icon: Filter, letter: 's', roles: ['admin'] },
  { path: '/jobs', name: 'Jobs', icon: ListChecks, letter: 'j' },
  { path: '/holds', name: 'Legal holds', icon: Lock, letter: 'h', roles: ['platform'] },
  { path: '/settings', name: 'Settings', icon: Settings, letter: ',' },
];

/** The pages that a role sees. */
export const itemsOf = (role: Role): readonly NavigationItem[] =>
  ITEMS.filter(({ roles }) => roles?.includes(role) ?? true);
