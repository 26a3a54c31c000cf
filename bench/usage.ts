import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const SAMPLE_MS = 100;
/** Clock ticks per second in /proc; fixed for user space. */
const TICKS = 100;

const hasProc = existsSync('/proc/self/status');

interface Stat {
  parent: number;
  /** Of the process itself, in seconds. */
  own: number;
  /** Of its ended children, in seconds. */
  ended: number;
}

export type ProcessorTimes = Record<string, number>;

/**
 * The peak resident memory of a process from now on, in bytes. It is the kernel's own high-water
 * mark, reset at the start. Without /proc it is sampled with `ps`.
 */
export const watchMemory = (pid: number): { peakBytes: () => number } => {
  if (hasProc) {
    // The value 5 resets the high-water mark to the present resident size.
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return { peakBytes: () => 1024 * kilobytesOf(pid, 'VmHWM') };
  }
  let peak = residentBytes(pid);
  const timer = setInterval(() => (peak = Math.max(peak, residentBytes(pid))), SAMPLE_MS);
  return {
    peakBytes: () => {
      clearInterval(timer);
      return Math.max(peak, residentBytes(pid));
    },
  };
};

/**
 * The processor time, in seconds, of this process's named children, each with its own children.
 * `peers` is the time of all other children, including ended ones; `bench` that of this process.
 * Empty without /proc.
 */
export const processorTimes = (named: Record<string, number>): ProcessorTimes => {
  if (!hasProc) return {};
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const stats = new Map(pids.map((name) => [Number(name), readStat(Number(name))]));
  const withChildren = (pid: number): number => {
    const { own = 0, ended = 0 } = stats.get(pid) ?? {};
    const children = [...stats.values()].filter(({ parent }) => parent === pid);
    return own + ended + children.reduce((sum, child) => sum + child.own, 0);
  };
  const known = new Set(Object.values(named));
  const others = [...stats]
    .filter(([pid, { parent }]) => parent === process.pid && !known.has(pid))
    .reduce((sum, [pid]) => sum + withChildren(pid), 0);
  const self = readStat(process.pid);
  return {
    ...Object.fromEntries(Object.entries(named).map(([name, pid]) => [name, withChildren(pid)])),
    peers: others + self.ended,
    bench: self.own,
  };
};

/** The processor time used between two measurements. */
export const usedBetween = (before: ProcessorTimes, after: ProcessorTimes): ProcessorTimes =>
  Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)]),
  );

const kilobytesOf = (pid: number, field: 'VmHWM' | 'VmRSS'): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
};

const residentBytes = (pid: number): number =>
  1024 * Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));

const readStat = (pid: number): Stat => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The fields after the name, which may contain spaces: the state, the parent, and the times
    // from the twelfth on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
    return {
      parent: Number(fields[1]),
      own: (user + system) / TICKS,
      ended: (endedUser + endedSystem) / TICKS,
    };
  } catch {
    return { parent: 0, own: 0, ended: 0 };
  }
};
