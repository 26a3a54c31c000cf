import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { identify } from '../../../local/processes/process-identity.ts';
import { openProcessRecord } from '../../../local/processes/process-record.ts';
import { openTemporaryFolder } from '../../../local/processes/temporary-folder.ts';
import { findTemporaryOwner, keepAbandoned } from '../../../local/processes/temporary-owner.ts';

const PREFIX = 'keepsake-trial-';
/** Creates a folder with a data folder in it, prints its path, and waits to be killed. */
const MAKER = `
import { mkdirSync } from 'node:fs';
import { openTemporaryFolder } from './local/processes/temporary-folder.ts';
const { path } = await openTemporaryFolder('${PREFIX}', process.argv[1]);
mkdirSync(path + '/data');
console.log(path);
setInterval(() => {}, 1000);
`;

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'keepsake-folders-'));
});

afterEach(() => rmSync(base, { recursive: true }));

const startMaker = async () => {
  const options = ['--import', 'tsx', '--input-type=module', '-e', MAKER, base];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const kill = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { path: chunk.toString().trim(), kill };
};

const startSleeper = (dataDir: string): number => {
  const { pid = 0 } = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  onTestFinished(() => void (identify(pid) && process.kill(pid, 'SIGKILL')));
  openProcessRecord(dataDir).note('worker', pid);
  return pid;
};

test('the temporary files of a test are in the folder of its run', () => {
  expect(basename(dirname(base))).toMatch(/^keepsake-run-/);
});

test('a temporary folder is removed with its content, and processes on a data folder in it are stopped', async () => {
  const folder = await openTemporaryFolder(PREFIX, base);
  const dataDir = join(folder.path, 'some', 'data');
  mkdirSync(dataDir, { recursive: true });
  const pid = startSleeper(dataDir);
  await folder.remove();
  expect(readdirSync(base)).toEqual([]);
  expect(identify(pid)).toBeUndefined();
  await expect(folder.remove()).resolves.toBeUndefined();
});

test('removing a folder follows no link out of it: processes and files there stay', async () => {
  const folder = await openTemporaryFolder(PREFIX, base);
  const outside = join(base, 'outside');
  mkdirSync(outside);
  const pid = startSleeper(outside);
  symlinkSync(outside, join(folder.path, 'link'));
  symlinkSync(folder.path, join(folder.path, 'circle'));
  await folder.remove();
  expect(readdirSync(base)).toEqual(['outside']);
  expect(readdirSync(outside)).not.toEqual([]);
  expect(identify(pid)).toBeDefined();
});

test('the folder of a killed process is removed when the next folder with its prefix is opened, not before', async () => {
  const maker = await startMaker();
  const pid = startSleeper(join(maker.path, 'data'));
  const other = await openTemporaryFolder('keepsake-other-', base);
  const second = await openTemporaryFolder(PREFIX, base);
  expect(existsSync(maker.path)).toBe(true);
  await maker.kill();
  await openTemporaryFolder('keepsake-other-', base);
  expect(existsSync(maker.path)).toBe(true);
  await openTemporaryFolder(PREFIX, base);
  expect(existsSync(maker.path)).toBe(false);
  expect(identify(pid)).toBeUndefined();
  expect([other, second].map(({ path }) => existsSync(path))).toEqual([true, true]);
});

test('an abandoned folder on which a person starts Keepsake is kept, with its process', async () => {
  const maker = await startMaker();
  const dataDir = join(maker.path, 'data');
  keepAbandoned(dataDir);
  expect(findTemporaryOwner(dataDir)).toBeDefined();
  await maker.kill();
  expect(findTemporaryOwner(dataDir)).toBeUndefined();
  const pid = startSleeper(dataDir);
  keepAbandoned(dataDir);
  await openTemporaryFolder(PREFIX, base);
  expect(existsSync(maker.path)).toBe(true);
  expect(identify(pid)).toBeDefined();
});

test('a folder without an owner, or with an incomplete one, stays, because another process may be creating it', async () => {
  const fresh = join(base, `${PREFIX}fresh`);
  mkdirSync(fresh);
  await openTemporaryFolder(PREFIX, base);
  for (const mark of ['{"pid":', `{"pid":${process.pid}}`]) {
    writeFileSync(join(fresh, 'owner.json'), mark);
    await openTemporaryFolder(PREFIX, base);
  }
  expect(existsSync(fresh)).toBe(true);
});
