import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';

const NAME = 'keepsake';

const absolute = (path: string | undefined): string | undefined =>
  path !== undefined && isAbsolute(path) ? path : undefined;

/**
 * As the system's list of users has it, where HOME is not set. None for a user who is not listed.
 */
const listedHome = (): string | undefined => {
  try {
    return absolute(userInfo().homedir);
  } catch {
    return undefined;
  }
};

/**
 * The user's own folder for files that can be fetched again: in XDG_CACHE_HOME, else in `~/.cache`,
 * or in `~/Library/Caches` on macOS. It need not be there yet. None for a user without a home.
 */
export const userCacheFolder = (
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  findHome: () => string | undefined = listedHome,
): string | undefined => {
  // A relative path is to be passed over, says the specification.
  const given = absolute(env['XDG_CACHE_HOME']);
  if (given !== undefined) return join(given, NAME);
  const home = absolute(env['HOME']) ?? findHome();
  if (home === undefined) return undefined;
  return join(home, platform === 'darwin' ? 'Library/Caches' : '.cache', NAME);
};
