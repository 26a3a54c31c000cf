import { Filter, House, ListChecks, Lock, type LucideIcon, Settings, Users } from 'lucide-react';
import type { Role } from '../api/session-info.ts';
import type { ConsolePath } from '../../rules/console-paths.ts';

export interface NavigationItem {
  path: ConsolePath;
  name: string;
  icon: LucideIcon;
  /** After `g`, this key opens the page. */
  letter: string;
  /** The roles that see the page and those below it; all roles if it is not given. */
  only?: { roles: readonly Role[]; /** For the others, if they type the address. */ words: string };
}

/** The pages of the navigation, in their order. A page is here once it is complete. */
const ITEMS: readonly NavigationItem[] = [
  { path: '/', name: 'Overview', icon: House, letter: 'o' },
  {
    path: '/users',
    name: 'Users',
    icon: Users,
    letter: 'u',
    only: { roles: ['admin'], words: 'Only admins of the workspace read its users.' },
  },
  {
    path: '/segments',
    name: 'Segments',
    icon: Filter,
    letter: 's',
    only: { roles: ['admin'], words: 'Only admins of the workspace see its segments.' },
  },
  { path: '/jobs', name: 'Jobs', icon: ListChecks, letter: 'j' },
  {
    path: '/holds',
    name: 'Legal holds',
    icon: Lock,
    letter: 'h',
    only: {
      roles: ['platform'],
      words: 'The platform team works here. An admin sets a legal hold on the page of the user.',
    },
  },
  { path: '/settings', name: 'Settings', icon: Settings, letter: ',' },
];

/** The pages that a role sees. */
export const itemsOf = (role: Role): readonly NavigationItem[] =>
  ITEMS.filter(({ only }) => only?.roles.includes(role) ?? true);

/** The page of the navigation that a path belongs to, if its role may not see it. */
export const closedTo = (role: Role, path: string): Required<NavigationItem> | undefined =>
  ITEMS.find(
    (item): item is Required<NavigationItem> =>
      item.only !== undefined &&
      !item.only.roles.includes(role) &&
      `${path}/`.startsWith(`${item.path}/`),
  );
