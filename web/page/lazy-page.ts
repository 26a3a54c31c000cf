import { lazyRouteComponent } from '@tanstack/react-router';

/** The name of the error of a page whose files could not be loaded. */
export const PAGE_MISSING = 'PageMissing';

/**
 * A page whose files are loaded when it is first shown.
 *
 * After an update of Keepsake, the files of the earlier build no longer exist. A tab that is still
 * open gets an error with the name {@link PAGE_MISSING} then, and offers to load the page again.
 */
export const lazyPage = <Module extends Record<Name, () => unknown>, Name extends string>(
  load: () => Promise<Module>,
  name: Name,
) => lazyRouteComponent(() => load().catch(failMissing), name);

const failMissing = (cause: unknown): never => {
  const error = new Error('The files of this page could not be loaded.', { cause });
  throw Object.assign(error, { name: PAGE_MISSING });
};
