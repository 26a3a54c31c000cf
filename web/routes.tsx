import {
  type AnyRoute,
  createRootRouteWithContext,
  createRoute,
  createRouter,
  redirect,
} from '@tanstack/react-router';
import type { ConsolePath } from '../rules/console-paths.ts';
import type { Session } from './api/session.ts';
import { readJobsSearch } from './jobs/list/jobs-search.ts';
import { readJobSearch } from './jobs/parts/job-search.ts';
import { ErrorPage, ErrorWithoutFrame } from './page/error-page.tsx';
import { Frame } from './shell/frame.tsx';
import { lazyPage } from './page/lazy-page.ts';
import { NotFoundPage } from './page/not-found-page.tsx';
import { readSegmentSearch } from './segments/segment-search.ts';
import { readProfileSearch } from './users/profile/profile-search.ts';
import { readUserSearch } from './users/user-search.ts';
import { Root } from './shell/root.tsx';
import { parseSearch, stringifySearch } from './shell/search-params.ts';

interface RouterContext {
  session: Session;
}

const root = createRootRouteWithContext<RouterContext>()({ component: Root });

/** Pages in the frame, for a person that is signed in. Others sign in first, then go on there. */
const frame = createRoute({
  getParentRoute: () => root,
  id: 'frame',
  component: Frame,
  errorComponent: ErrorWithoutFrame,
  beforeLoad: async ({ context, location }) => {
    if ((await context.session.find()) !== undefined) return;
    throw redirect({ to: '/sign-in', search: { to: location.href } });
  },
});

const overview = createRoute({
  getParentRoute: () => frame,
  path: '/',
  component: lazyPage(() => import('./overview/overview-page.tsx'), 'OverviewPage'),
});

const holds = createRoute({
  getParentRoute: () => frame,
  path: '/holds',
  component: lazyPage(() => import('./holds/holds-page.tsx'), 'HoldsPage'),
});

const jobs = createRoute({
  getParentRoute: () => frame,
  path: '/jobs',
  validateSearch: readJobsSearch,
  component: lazyPage(() => import('./jobs/list/jobs-page.tsx'), 'JobsPage'),
});

const job = createRoute({
  getParentRoute: () => frame,
  path: '/jobs/$id',
  validateSearch: readJobSearch,
  component: lazyPage(() => import('./jobs/job-page.tsx'), 'JobPage'),
});

const segments = createRoute({
  getParentRoute: () => frame,
  path: '/segments',
  validateSearch: readSegmentSearch,
  component: lazyPage(() => import('./segments/segments-page.tsx'), 'SegmentsPage'),
});

const newSegment = createRoute({
  getParentRoute: () => frame,
  path: '/segments/new',
  component: lazyPage(() => import('./segments/new-segment-page.tsx'), 'NewSegmentPage'),
});

const segment = createRoute({
  getParentRoute: () => frame,
  path: '/segments/$id',
  component: lazyPage(() => import('./segments/segment-page.tsx'), 'SegmentPage'),
});

const settings = createRoute({
  getParentRoute: () => frame,
  path: '/settings',
  component: lazyPage(() => import('./settings/settings-page.tsx'), 'SettingsPage'),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  // Set in any case: a value that is left out here would reach the page as it came.
  validateSearch: ({ to }: Record<string, unknown>): { to?: string | undefined } => ({
    to: isOwnPath(to) ? to : undefined,
  }),
  beforeLoad: async ({ context, search: { to = '/' } }) => {
    // Without a server, the page is shown: its button then reports the failure.
    const me = await context.session.find().catch(() => undefined);
    if (me !== undefined) throw redirect({ href: to });
  },
  component: lazyPage(() => import('./sign-in/sign-in-page.tsx'), 'SignInPage'),
});

const users = createRoute({
  getParentRoute: () => frame,
  path: '/users',
  validateSearch: readUserSearch,
  component: lazyPage(() => import('./users/users-page.tsx'), 'UsersPage'),
});

const user = createRoute({
  getParentRoute: () => frame,
  path: '/users/$id',
  validateSearch: readProfileSearch,
  component: lazyPage(() => import('./users/profile/user-page.tsx'), 'UserPage'),
});

/** A link of the console to a page that does not exist. */
const unknown = createRoute({ getParentRoute: () => frame, path: '$', component: NotFoundPage });

/** Each path that the API answers with the page has a route here. */
const PAGES = {
  '/': overview,
  '/holds': holds,
  '/jobs': jobs,
  '/jobs/$id': job,
  '/segments': segments,
  '/segments/$id': segment,
  '/segments/new': newSegment,
  '/settings': settings,
  '/sign-in': signIn,
  '/users': users,
  '/users/$id': user,
} satisfies Record<ConsolePath, AnyRoute>;

const { '/sign-in': outside, ...inFrame } = PAGES;
const tree = root.addChildren([outside, frame.addChildren([...Object.values(inFrame), unknown])]);

export const createConsoleRouter = (context: RouterContext) =>
  createRouter({
    routeTree: tree,
    context,
    parseSearch,
    stringifySearch,
    defaultErrorComponent: ErrorPage,
    defaultNotFoundComponent: NotFoundPage,
    // The page of another object is another page: no request or dialog of the first one stays.
    defaultRemountDeps: ({ params }) => params,
    scrollRestoration: true,
  });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}

/** A path of this site: another site must not be the aim of a link to the sign-in page. */
const isOwnPath = (to: unknown): to is string => typeof to === 'string' && /^\/(?![/\\])/.test(to);
