import { SWEEP, SWEEP_SIGNALS } from '../../workflows/contracts/jobs.ts';
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { GOES } from '../people.ts';
import type { DbosRequest } from './dbos-process.ts';

const BENCH_FOLDER = dirname(import.meta.dirname);
const SDK = join(BENCH_FOLDER, 'node_modules/@dbos-inc/dbos-sdk');

/** Starts a process with a running DBOS that waits for work, as Keepsake's worker does. */
export const startDbosPeer = async (bench: Bench) => {
  installSdk(bench.log);
  const child = await startProcess(bench);
  const sweep = bench.temporal.workflow.getHandle(SWEEP.id);
  return {
    deleteInPages: () =>
      ask(child, {
        kind: 'pages',
        input: { workspaceId: WORKSPACE, condition: GOES.sql },
      }),
    deleteWithOwnCode: async (preview: { id: string; count: number }) => {
      // Keepsake's sweep would end a job that has no Temporal workflow.
      await sweep.signal(SWEEP_SIGNALS.pause);
      const input = { workspaceId: WORKSPACE, keyId: bench.keyId, preview };
      const seconds = await ask(child, { kind: 'own', input });
      await sweep.signal(SWEEP_SIGNALS.resume);
      return seconds;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
};

/** Installs the packages of this peer if they are missing. @throws Error when npm fails */
const installSdk = (log: Bench['log']): void => {
  if (existsSync(SDK)) return;
  log("installing the peers' packages in bench/");
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: BENCH_FOLDER, stdio: 'ignore' });
};

const startProcess = async ({ info, folder }: Bench): Promise<ChildProcess> => {
  const { databaseUrl, workerDatabaseUrl } = info();
  const system = new URL(databaseUrl);
  system.pathname = '/keepsake_dbos';
  const child = fork(join(import.meta.dirname, 'dbos-process.ts'), {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: {
      PATH: process.env['PATH'],
      OWNER_URL: databaseUrl,
      APP_URL: workerDatabaseUrl,
      SYSTEM_URL: system.href,
      FOLDER: join(folder, 'dbos'),
      // Hides warnings of the SDK's own code.
      NODE_NO_WARNINGS: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const said = await nextWord(child);
  if (said !== 'ready') throw new Error(`the DBOS process ended with ${said}`);
  return child;
};

/** The child's next message, or its exit code if it ends first. */
const nextWord = async (child: ChildProcess): Promise<string | number | null> => {
  const [word] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  return word as string | number | null;
};

/** @returns the time from request to answer, in seconds */
const ask = async (child: ChildProcess, request: DbosRequest): Promise<number> => {
  const start = performance.now();
  const answered = nextWord(child);
  child.send(request);
  const error = await answered;
  if (error !== null) throw new Error(`DBOS, ${request.kind}: ${error}`);
  return (performance.now() - start) / 1_000;
};
