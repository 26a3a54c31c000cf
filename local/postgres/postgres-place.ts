import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { identify, type ProcessIdentity } from '../processes/process-identity.ts';
import { findTemporaryOwner } from '../processes/temporary-owner.ts';
import { CLUSTER_NAME, isMarkedFor, markNewCluster, readMark, renewMark } from './cluster-mark.ts';
import { completeInPlace, copyBinaries, findPostgresBinaries } from './postgres-binaries.ts';
import { canEnter, canReadTree, findServerUser, isRoot, type ServerUser } from './server-user.ts';
import { describeUnused, findClusterOf, removeThrowaways } from './throwaway-clusters.ts';

/** Where PostgreSQL runs: its programs, its home folder, and its user if not the current one. */
export interface PostgresPlace {
  binaries: string;
  home: string;
  user: ServerUser | undefined;
}

/** The database of a data folder or the link to it, its password, and the keys that it knows. */
const DATABASE_FILES = [CLUSTER_NAME, 'postgres.json', 'keys.json', 'demo.json'];

/** Those that exist only after a complete first start. */
const KEY_FILES = ['keys.json', 'demo.json'];

/** Names of folders with data that are not complete, or are being removed. */
export const DRAFT_PREFIX = 'data.new.';
const REMOVED_DATA = `${DRAFT_PREFIX}removed`;

/** Folders for files that PostgreSQL's user must read if it cannot enter the data folder. */
const REACHABLE_BASES = ['/var/lib/keepsake', '/var/tmp/keepsake'];

export interface PlaceOptions {
  /** A new database outside the data folder may be removed once this process has ended. */
  isThrowaway?: boolean | undefined;
  log?: ((line: string) => void) | undefined;
}

/**
 * Removes databases outside their data folder if tests or a demo made them, and their process has
 * ended or their data folder was in `removed`.
 */
export const removeThrowawayDatabases = (removed?: string): void => {
  for (const base of REACHABLE_BASES.filter(isOurs)) removeThrowaways(base, removed);
};

/**
 * Finds the home folder of an earlier start, or creates it where PostgreSQL's user can enter it.
 *
 * @throws Error when the home folder of an earlier start or its data is missing, or belongs to
 *   another data folder
 */
export const preparePostgresPlace = (
  dataDir: string,
  options: PlaceOptions = {},
): PostgresPlace => {
  const binaries = findPostgresBinaries();
  const found = findHome(dataDir);
  if (found === undefined) assertNew(dataDir);
  else assertNotEmptied(dataDir, found);
  const throwawayOf =
    findTemporaryOwner(realpathSync(dataDir)) ??
    (options.isThrowaway === true ? identify(process.pid) : undefined);
  if (found !== undefined && databaseElsewhere(dataDir) !== undefined) {
    renewMark(found, dataDir, throwawayOf);
  }
  if (!isRoot()) {
    const home = found ?? linkIn(dataDir);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const folder = completeInPlace(binaries) ? binaries.folder : copyBinaries(binaries, dataDir);
    return { binaries: folder, home, user: undefined };
  }
  removeThrowawayDatabases();
  for (const base of REACHABLE_BASES.filter(isOurs)) {
    for (const line of describeUnused(base, found)) options.log?.(line);
  }
  // Existing data is served by the user that owns it.
  const user = found === undefined ? findServerUser() : ownerOf(found);
  const home = found ?? makeHome(dataDir, user, throwawayOf);
  if (user.uid === 0 || !canEnter(home, user)) {
    throw new Error(
      `PostgreSQL's user (${user.name}) cannot access ${home}: give access to each folder above it ` +
        '(chmod o+x), or start Keepsake as the owner of the folder.',
    );
  }
  const { folder } = binaries;
  const isUsable = completeInPlace(binaries) && canEnter(folder, user) && canReadTree(folder, user);
  return { binaries: isUsable ? folder : copyBinaries(binaries, findBase(user)), home, user };
};

/**
 * The location of a data folder's database if it is outside. Undefined if it is inside, or there is
 * none.
 */
export const databaseElsewhere = (dataDir: string): string | undefined => {
  const link = linkIn(dataDir);
  const isLink = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink ? readlinkSync(link) : undefined;
};

export const hasDatabase = (dataDir: string): boolean =>
  lstatSync(linkIn(dataDir), { throwIfNoEntry: false }) !== undefined;

/** The names of those files in the data folder that belong to a database. */
export const listDatabaseFiles = (dataDir: string): string[] =>
  DATABASE_FILES.filter(
    (name) => lstatSync(join(dataDir, name), { throwIfNoEntry: false }) !== undefined,
  );

/**
 * Removes a data folder's database, and all that depends on it. No server may run on it. A database
 * outside that belongs to another data folder stays.
 *
 * @param kept names of files that stay: they are older than the database
 */
export const removeDatabase = (dataDir: string, kept: readonly string[] = []): void => {
  const home = databaseElsewhere(dataDir);
  const mark = home === undefined ? undefined : readMark(home);
  const isOwn = home === undefined || (mark !== undefined && isMarkedFor(mark, dataDir));
  // Data without a part of it would never start again. So it is put aside in one step first.
  if (isOwn) putDataAside(home ?? linkIn(dataDir));
  const files = DATABASE_FILES.filter((name) => name !== CLUSTER_NAME && !kept.includes(name));
  for (const name of [...files, CLUSTER_NAME]) {
    rmSync(join(dataDir, name), { recursive: true, force: true });
  }
  if (isOwn && home !== undefined) rmSync(home, { recursive: true, force: true });
};

/** Removes a data folder and its files elsewhere. No server may run on it. */
export const removeDataFolder = (dataDir: string): void => {
  removeDatabase(dataDir);
  rmSync(dataDir, { recursive: true, force: true });
};

/**
 * Refuses to create data in a home folder that has lost its data. If there are keys, the database
 * was in use.
 */
const assertNotEmptied = (dataDir: string, home: string): void => {
  const data = join(home, 'data');
  // An interrupted removal renamed it.
  if (existsSync(data) || existsSync(join(home, REMOVED_DATA))) return;
  const files = KEY_FILES.filter((name) => existsSync(join(dataDir, name)));
  if (files.length === 0) return;
  throw emptyDatabaseError(dataDir, files, data, `Restore ${data} with the database`);
};

/** Refuses to start with an empty database where there was another one. */
const assertNew = (dataDir: string): void => {
  const files = listDatabaseFiles(dataDir);
  if (files.length === 0) return;
  const link = linkIn(dataDir);
  const [home] = REACHABLE_BASES.filter(isOurs).flatMap((base) => findClusterOf(base, dataDir));
  const remedy =
    home === undefined
      ? `Restore ${link} with the database`
      : `The database is in ${home}: run ln -s ${home} ${link}`;
  throw emptyDatabaseError(dataDir, files, link, remedy);
};

/** An empty database would not know the keys, and would remove the uploads as unknown. */
const emptyDatabaseError = (
  dataDir: string,
  files: readonly string[],
  missing: string,
  remedy: string,
): Error =>
  new Error(
    `${dataDir} had a database, because it has ${files.join(', ')}, but ${missing} is missing. ${remedy}. ` +
      'To start with an empty database, remove these files. The uploads are then removed, too.',
  );

/** Renames the data as an unfinished draft, which the next start removes. */
const putDataAside = (home: string): void => {
  const data = join(home, 'data');
  if (existsSync(data)) renameSync(data, join(home, REMOVED_DATA));
};

/**
 * Whether a folder is root's and no one else can write to it. Otherwise another user could have
 * prepared its content.
 */
const isOurs = (base: string): boolean => {
  const stats = lstatSync(base, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === 0 && (stats.mode & 0o022) === 0;
};

const findHome = (dataDir: string): string | undefined => {
  const link = linkIn(dataDir);
  const stats = lstatSync(link, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (existsSync(link)) return realpathSync(link);
  throw new Error(
    `The database of ${dataDir} was in ${readlinkSync(link)}, which no longer exists. Restore that folder, ` +
      'or set KEEPSAKE_DATA_DIR to a new folder to start with an empty database.',
  );
};

const linkIn = (dataDir: string): string => join(dataDir, CLUSTER_NAME);

const ownerOf = (home: string): ServerUser => {
  const { uid, gid } = statSync(home);
  return { name: `with the id ${uid}`, uid, gid };
};

/** The home folder in use: in the data folder, or where its link `postgres` points. */
const makeHome = (
  dataDir: string,
  user: ServerUser,
  throwawayOf: ProcessIdentity | undefined,
): string => {
  const link = linkIn(dataDir);
  if (canEnter(dirname(realpathSync(dataDir)), user)) letThrough(dataDir, user);
  if (canEnter(dataDir, user)) {
    makePrivateFolder(link, user);
    return realpathSync(link);
  }
  // Random, so that a new data folder with the path of a removed one does not find the old data.
  const hash = createHash('sha256').update(realpathSync(dataDir)).update(randomBytes(16));
  const home = join(findBase(user), hash.digest('hex').slice(0, 16));
  makePrivateFolder(home, user);
  markNewCluster(home, dataDir, throwawayOf);
  symlinkSync(home, link);
  return home;
};

/** Lets the server's group enter a private data folder of root. The files in it stay private. */
const letThrough = (dataDir: string, user: ServerUser): void => {
  const { uid, mode } = statSync(dataDir);
  if (uid !== 0 || (mode & 0o077) !== 0) return;
  chownSync(dataDir, 0, user.gid);
  chmodSync(dataDir, 0o710);
};

const makePrivateFolder = (folder: string, user: ServerUser): void => {
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, user.uid, user.gid);
};

const findBase = (user: ServerUser): string => {
  const base = REACHABLE_BASES.find((candidate) => openBase(candidate, user));
  if (base !== undefined) return base;
  throw new Error(
    `PostgreSQL runs as the user ${user.name}, which can access neither the data folder nor ` +
      `${REACHABLE_BASES.join(' or ')}. Set KEEPSAKE_DATA_DIR to an accessible folder, ` +
      'start Keepsake as another user than root, or set DATABASE_URL.',
  );
};

const openBase = (base: string, user: ServerUser): boolean => {
  try {
    if (!existsSync(base)) {
      mkdirSync(base);
      chmodSync(base, 0o755);
    }
    return isOurs(base) && canEnter(base, user);
  } catch {
    return false;
  }
};
