import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { PROJECT_FOLDER } from '../../../local/processes/keepsake-process.ts';
import { argumentsFor } from './builds.ts';

/**
 * Starts one more worker with the settings of a running one.
 *
 * @returns a function that stops it
 */
export const startSecondWorker = (pid: number): (() => Promise<void>) => {
  const child = spawn(process.execPath, argumentsFor('worker/main.ts'), {
    cwd: PROJECT_FOLDER,
    // Without metrics: both workers would use the same port.
    env: { ...environmentOf(pid), METRICS_PORT: '' },
    stdio: 'ignore',
  });
  return async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  };
};

/** The environment of a running process, from Linux's `/proc`. */
const environmentOf = (pid: number): NodeJS.ProcessEnv =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
