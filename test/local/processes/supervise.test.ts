import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { identify } from '../../../local/processes/process-identity.ts';
import { sendSignal, TERMINATE } from '../../../local/processes/stop-process.ts';
import { supervise, type Supervised } from '../../../local/processes/supervise.ts';

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
  await vi.waitFor(() => expect(onRestart).toHaveBeenCalledTimes(1), { timeout: 5_000 });
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

test('a process that cannot start is tried again after a pause', async () => {
  const sleeper = run('process.exit(1)');
  await sleep(1_100);
  expect(sleeper.deathCount()).toBeGreaterThanOrEqual(1);
  expect(sleeper.deathCount()).toBeLessThanOrEqual(2);
});
