import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const SAMPLE_MS = 100;
/** Ticks a second in /proc; fixed for user space. */
const TICKS = 100;

const hasProc = existsSync('/proc/self/status');

const kilobytesOf = (pid: number, field: 'VmHWM' | 'VmRSS'): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
};

const residentBytes = (pid: number): number =>
  1024 * Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));

/**
 * Most memory a process has resident from now on, in bytes: the kernel's own high-water mark, set
 * back at the start, or where there is none samples of `ps`.
 */
export const watchMemory = (pid: number): { peakBytes: () => number } => {
  if (hasProc) {
    // 5 sets the high-water mark back to what is resident now.
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

/** Fields of /proc/<pid>/stat after the name; 0 is the state, 1 the parent. */
const statOf = (pid: number): number[] => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return [];
  }
};

/** Processor time of a process, its living children and those it has waited for; 0 without /proc. */
export const cpuSeconds = (pid: number): number => {
  if (!hasProc) return 0;
  const own = statOf(pid)
    .slice(11, 15)
    .reduce((sum, ticks) => sum + ticks, 0);
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat[1] === pid)
    .reduce((sum, stat) => sum + (stat[11] ?? 0) + (stat[12] ?? 0), 0);
  return (own + children) / TICKS;
};
