import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Identifies a process. A pid alone may later belong to another process. */
export interface ProcessIdentity {
  pid: number;
  /** The start time, in the system's own notation. */
  startedAt: string;
}

const PS_TIMEOUT_MS = 2_000;

/**
 * The identity of a process. Undefined if it does not exist or is a zombie, which no longer runs.
 */
export const identify = (pid: number): ProcessIdentity | undefined => {
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  if (process.platform !== 'linux') {
    const startedAt = ps(pid, 'lstart');
    return startedAt === undefined ? undefined : { pid, startedAt };
  }
  const stat = readOrUndefined(`/proc/${pid}/stat`);
  const ticks = stat === undefined ? undefined : linuxStart(stat);
  if (ticks === undefined) return undefined;
  // Ticks count from the boot. After another boot the same number means another process.
  const boot = readOrUndefined('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return { pid, startedAt: `${boot}/${ticks}` };
};

export const isAlive = ({ pid, startedAt }: ProcessIdentity): boolean =>
  identify(pid)?.startedAt === startedAt;

/** The command line of a living process, with spaces between the words. */
export const commandLineOf = (pid: number): string | undefined => {
  if (process.platform !== 'linux') return ps(pid, 'command');
  return readOrUndefined(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim();
};

const ps = (pid: number, column: string): string | undefined => {
  try {
    const options = { encoding: 'utf8', timeout: PS_TIMEOUT_MS, stdio: 'pipe' } as const;
    return execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], options).trim() || undefined;
  } catch {
    return undefined;
  }
};

const readOrUndefined = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/**
 * Reads the fields after the name, which may itself contain spaces and parentheses. The state comes
 * first, the start time is the 20th.
 */
const linuxStart = (stat: string): string | undefined => {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isDead = fields[0] === 'Z' || fields[0] === 'X';
  return isDead ? undefined : fields[19];
};
