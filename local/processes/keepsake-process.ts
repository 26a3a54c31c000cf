import { execFile, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { openLogFile } from './log-file.ts';
import { KILL, TERMINATE } from './stop-process.ts';
import { supervise, type Supervised } from './supervise.ts';

export const PROJECT_FOLDER = dirname(dirname(import.meta.dirname));

const SCRIPT_DEADLINE_MS = 120_000;

/** The descriptor of an inherited socket: the first after the standard ones. */
const INHERITED_FD = 3;

export interface KeepsakeProcessOptions {
  name: string;
  /** The path of a compiled main file. */
  program: string;
  env: NodeJS.ProcessEnv;
  /** The inherited socket to listen on, instead of opening one. */
  listenFd: number | undefined;
  logFile: string;
  /** Stops without waiting, because the process's work is not needed. */
  isThrowaway: boolean;
  onStart: (pid: number) => void;
  onRestart: (pid: number) => void;
  log: (line: string) => void;
}

/**
 * Runs a program of Keepsake until it is stopped.
 */
export const runKeepsakeProcess = (options: KeepsakeProcessOptions): Supervised => {
  const { listenFd } = options;
  const inherited = listenFd === undefined ? [] : [listenFd];
  return supervise({
    name: options.name,
    spawn: () => {
      const log = openLogFile(options.logFile);
      const child = spawn(process.execPath, programArguments(options.program), {
        cwd: PROJECT_FOLDER,
        env:
          listenFd === undefined ? options.env : { ...options.env, LISTEN_FD: `${INHERITED_FD}` },
        detached: true,
        stdio: ['ignore', log, log, ...inherited],
      });
      closeSync(log);
      return child;
    },
    stopSteps: options.isThrowaway ? KILL : TERMINATE,
    onStart: options.onStart,
    onRestart: options.onRestart,
    log: options.log,
  });
};

/** Arguments for `node`. Stack traces name the lines of the sources. */
export const programArguments = (program: string): string[] => ['--enable-source-maps', program];

/** Runs a script of Keepsake to its end. @throws Error with its output, when it fails */
export const runScript = async (
  file: string,
  args: string[],
  signal: AbortSignal | undefined,
): Promise<void> => {
  const limits = { timeout: SCRIPT_DEADLINE_MS, killSignal: 'SIGKILL' } as const;
  try {
    await promisify(execFile)(process.execPath, nodeArguments(file, args), {
      cwd: PROJECT_FOLDER,
      ...limits,
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    const said = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`${file} failed:\n${said || (error as Error).message}`, { cause: error });
  }
};

/**
 * Arguments for `node`. The loader is named by its URL, so it is found from any working directory.
 */
const nodeArguments = (file: string, args: string[]): string[] => [
  '--import',
  pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href,
  join(PROJECT_FOLDER, file),
  ...args,
];
