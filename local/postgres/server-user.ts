import { lstatSync, readdirSync, readFileSync, realpathSync, statSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';

/** The user that PostgreSQL runs as, if not the current one: it refuses to run as root. */
export interface ServerUser {
  name: string;
  uid: number;
  gid: number;
}

const READ = 4;
const ENTER = 1;

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * An unprivileged user of this machine: `postgres`, or else `nobody`.
 *
 * @throws Error when there is neither
 */
export const findServerUser = (): ServerUser => {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
    if (uid > 0 && gid > 0) return { name, uid, gid };
  }
  throw new Error(
    'PostgreSQL does not run as root, and /etc/passwd has neither a user "postgres" nor "nobody". ' +
      'Start Keepsake as another user, or set DATABASE_URL to an existing server.',
  );
};

/** Whether the user may enter a folder and all folders above it. */
export const canEnter = (folder: string, user: ServerUser): boolean => {
  const real = realpathSync(folder);
  const parent = dirname(real);
  return allows(statSync(real), user, ENTER) && (parent === real || canEnter(parent, user));
};

/**
 * Whether the user may read every file below a folder, and run the programs that its owner may run.
 */
export const canReadTree = (folder: string, user: ServerUser): boolean =>
  allows(statSync(folder), user, READ | ENTER) &&
  readdirSync(folder).every((name) => {
    const path = join(folder, name);
    const stats = lstatSync(path);
    if (stats.isSymbolicLink()) return true;
    if (stats.isDirectory()) return canReadTree(path, user);
    const isProgram = (stats.mode & 0o100) !== 0;
    return allows(stats, user, isProgram ? READ | ENTER : READ);
  });

const allows = (stats: Stats, user: ServerUser, bits: number): boolean => {
  const shift = stats.uid === user.uid ? 6 : stats.gid === user.gid ? 3 : 0;
  return ((stats.mode >> shift) & bits) === bits;
};
