import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataFolder, readJson, writePrivateJson } from '../../local/data-folder.ts';
import { lockDataFolder } from '../../local/processes/lock.ts';
import { identify } from '../../local/processes/process-identity.ts';
import { openSecrets } from '../../local/secrets.ts';
import { isRoot } from '../../local/postgres/server-user.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-folder-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** The exit code and the output of a process that ends by itself. */
const endOf = (file: string, env: NodeJS.ProcessEnv) =>
  new Promise<{ code: number; out: string; err: string }>((done) => {
    execFile(process.execPath, ['--import', 'tsx', file], { env }, (error, out, err) =>
      done({ code: Number(error?.code ?? 0), out: out.trim(), err: err.trim() }),
    );
  });

test('a second start on the same folder is refused while the first start runs', () => {
  const unlock = lockDataFolder(folder);
  expect(() => lockDataFolder(folder)).toThrow(`already runs on the data folder ${folder}`);
  unlock();
  lockDataFolder(folder)();
});

test('the lock of an ended process, or of another process with the same id, is taken over', () => {
  for (const startedAt of ['another boot/1', '']) {
    writePrivateJson(join(folder, 'lock.json'), { pid: process.pid, startedAt });
    const unlock = lockDataFolder(folder);
    expect(readJson(join(folder, 'lock.json'))).toEqual(identify(process.pid));
    unlock();
  }
  writeFileSync(join(folder, 'lock.json'), '{"pid": 12');
  expect(() => lockDataFolder(folder)()).not.toThrow();
});

/** One sentence with the reason and the solution. */
const refusal = (path: string, why: string) =>
  `Keepsake cannot use the data folder ${path}, because ${why}: ` +
  'make it writable, or set KEEPSAKE_DATA_DIR to another folder.';

const FILE = 'a file has its name, or the name of a folder above it (ENOTDIR)';

/** Folders that nobody can use on a file system of Linux, not even root. */
const unusable = (): [string, string][] => {
  writeFileSync(join(folder, 'file'), '', { mode: 0o777 });
  symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'));
  const long = join(folder, 'x'.repeat(300));
  return [
    [join(folder, 'file'), FILE],
    [join(folder, 'file', 'data'), FILE],
    [
      join(folder, 'dangling'),
      'it cannot be created, or it is a link to a folder that does not exist (ENOENT)',
    ],
    [long, 'its path is too long (ENAMETOOLONG)'],
  ];
};

test('an unusable folder is refused in one sentence with the reason and the solution', async () => {
  for (const [path, why] of unusable()) {
    await expect(openDataFolder(path)).rejects.toThrow(refusal(path, why));
  }
});

const canMount = (): boolean => {
  try {
    const inNamespace = ['--mount', 'mount', '-t', 'tmpfs', 'none', tmpdir()];
    execFileSync('unshare', inNamespace, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

test('a folder on a read-only or full disk is refused in the same way', async ({ skip }) => {
  skip(!canMount(), 'this user may not mount a disk');
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const mount = (options: string) =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'x', disk]);
  const data = join(disk, 'above', 'data');
  const cases: [string, string][] = [
    ['ro', 'its disk is read-only (EROFS)'],
    ['nr_inodes=1', 'its disk is full (ENOSPC)'],
  ];
  for (const [options, why] of cases) {
    mount(options);
    try {
      await expect(openDataFolder(data)).rejects.toThrow(refusal(data, why));
    } finally {
      execFileSync('umount', [disk]);
    }
  }
});

test.skipIf(isRoot())('a folder without write permission is refused in the same way', async () => {
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o500 });
  const why = 'this user may not write there (EACCES)';
  for (const path of [closed, join(closed, 'data')]) {
    await expect(openDataFolder(path)).rejects.toThrow(refusal(path, why));
  }
});

test('npm start, API and worker end with the same sentence and exit code 1', async () => {
  writeFileSync(join(folder, 'file'), '');
  const KEEPSAKE_DATA_DIR = join(folder, 'file');
  const env = {
    PATH: process.env['PATH'],
    KEEPSAKE_DATA_DIR,
    DATABASE_URL: '',
    PORT: '0',
  };
  const required = {
    DATABASE_URL: 'postgres://x@127.0.0.1:1/x',
    RESEND_API_KEY: 're_test',
    LINK_SECRET: 'a secret that is long enough for links',
  };
  const sentence = refusal(KEEPSAKE_DATA_DIR, FILE);
  expect(await endOf('local/start.ts', env)).toEqual({ code: 1, out: '', err: sentence });
  for (const file of ['api/main.ts', 'worker/main.ts']) {
    const { code, out, err } = await endOf(file, { ...env, ...required });
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(JSON.parse(out)).toMatchObject({ level: 'fatal', error: { message: sentence } });
  }
});

test('secrets are created once, are long, and are readable by the owner only', () => {
  const made = openSecrets(folder);
  expect(made.LINK_SECRET).toMatch(/^[0-9a-f]{64}$/);
  expect(openSecrets(folder)).toEqual(made);
  expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600);
  writeFileSync(join(folder, 'secrets.json'), '{}');
  expect(() => openSecrets(folder)).toThrow('is damaged');
  expect(readJson(join(folder, 'secrets.json'))).toEqual({});
});
