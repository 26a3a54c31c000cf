import { lazyRouteComponent } from '@tanstack/react-router';
import { type ComponentType, lazy } from 'react';

const PAGE_MISSING = 'PageMissing';

/** Whether the files of a page could not be loaded. */
export const isPageMissing = (error: unknown): boolean =>
  error instanceof Error && error.name === PAGE_MISSING;

/**
 * A page whose files are loaded when it is first shown.
 *
 * After an update of Keepsake, the files of the earlier build no longer exist. A tab that is still
 * open then offers to load the page again: see {@link isPageMissing}.
 */
export const lazyPage = <Module extends Record<Name, () => unknown>, Name extends string>(
  load: () => Promise<Module>,
  name: Name,
) => lazyRouteComponent(() => load().catch(failMissing), name);

/**
 * A part of a page, such as a dialog, whose files are loaded when it is first shown. Put it into a
 * `Suspense`.
 */
export const lazyPart = <Props extends object>(load: () => Promise<ComponentType<Props>>) =>
  lazy(() => load().then((part) => ({ default: part }), failMissing));

/** The charts are a large part of the console, so each comes alone, and may be missing. */
export const lazyChart = <Props extends object>(load: () => Promise<ComponentType<Props>>) =>
  lazy(() =>
    load().then(
      (chart) => ({ default: chart }),
      () => ({ default: (() => null) as ComponentType<Props> }),
    ),
  );

const failMissing = (cause: unknown): never => {
  const error = new Error('The files of this page could not be loaded.', { cause });
  throw Object.assign(error, { name: PAGE_MISSING });
};
