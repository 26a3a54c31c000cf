import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { identify } from '../../../local/processes/process-identity.ts';
import { sendSignal, TERMINATE } from '../../../local/processes/stop-process.ts';
import { supervise, type Supervised } from '../../../local/processes/supervise.ts';
import { waitFor } from '../../support/wait.ts';

let supervised: Supervised | undefined;

const run = (script: string, onRestart?: (pid: number) => void): Supervised => {
  supervised = supervise({
    name: 'sleeper',
    spawn: () => spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' }),
    stopSteps: [{ signal: 'SIGTERM', waitMs: 500 }, ...TERMINATE.slice(1)],
    onRestart,
    log: () => {},
  });
  return supervised;
};

afterEach(() => supervised?.stop());

test('a killed process is started again, and its new id is reported', async () => {
  const onRestart = vi.fn<(pid: number) => void>();
  const sleeper = run('setInterval(() => {}, 1000)', onRestart);
  const first = sleeper.pid() ?? 0;
  sendSignal(first, 'SIGKILL');
  await waitFor(() => expect(onRestart).toHaveBeenCalledTimes(1));
  expect(sleeper.pid()).not.toBe(first);
  expect(onRestart).toHaveBeenCalledWith(sleeper.pid());
  expect(sleeper.deathCount()).toBe(1);
});

test('a stopped process stays stopped, even if it ignores SIGTERM', async () => {
  const sleeper = run("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)");
  await sleep(300);
  const pid = sleeper.pid() ?? 0;
  await sleeper.stop();
  await sleep(800);
  expect(identify(pid)).toBeUndefined();
  expect(sleeper.pid()).toBeUndefined();
});

/** Waits by the turns of the event loop, because timers are replaced. */
const untilDeaths = async (sleeper: Supervised, count: number): Promise<void> => {
  while (sleeper.deathCount() < count) await new Promise((resolve) => setImmediate(resolve));
};

test('a process that ends at once is started again after ever longer pauses, up to ten seconds', async () => {
  // The processes are real. Only the pauses pass at once.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const sleeper = run('process.exit(1)');
    const pauses = [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000];
    for (const [restarts, pauseMs] of pauses.entries()) {
      await untilDeaths(sleeper, restarts + 1);
      vi.advanceTimersByTime(pauseMs - 1);
      expect({ restarts, pid: sleeper.pid() }).toEqual({ restarts, pid: undefined });
      vi.advanceTimersByTime(1);
      expect({ restarts, isStarted: sleeper.pid() !== undefined }).toEqual({
        restarts,
        isStarted: true,
      });
    }
  } finally {
    vi.useRealTimers();
  }
});
