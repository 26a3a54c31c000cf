import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';

const NAME = 'keepsake';

/**
 * The user's folder for files that can be fetched again: in XDG_CACHE_HOME, or else in `~/.cache`,
 * or in `~/Library/Caches` on macOS. It may not exist yet. Undefined for a user without a home
 * folder.
 */
export const userCacheFolder = (
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  findHome: () => string | undefined = listedHome,
): string | undefined => {
  // The specification says that a relative path must be ignored.
  const given = absolute(env['XDG_CACHE_HOME']);
  if (given !== undefined) return join(given, NAME);
  const home = absolute(env['HOME']) ?? findHome();
  if (home === undefined) return undefined;
  return join(home, platform === 'darwin' ? 'Library/Caches' : '.cache', NAME);
};

/**
 * The home folder in the system's list of users, if HOME is not set. Undefined for a user that is
 * not listed.
 */
const listedHome = (): string | undefined => {
  try {
    return absolute(userInfo().homedir);
  } catch {
    return undefined;
  }
};

const absolute = (path: string | undefined): string | undefined =>
  path !== undefined && isAbsolute(path) ? path : undefined;
