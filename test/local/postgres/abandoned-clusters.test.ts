import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { markOwner, sweepAbandonedClusters } from '../../../local/postgres/abandoned-clusters.ts';

let folder: string;
let base: string;
let running: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-clusters-'));
  base = join(folder, 'base');
  mkdirSync(base);
});

afterEach(() => {
  running?.kill();
  running = undefined;
  rmSync(folder, { recursive: true });
});

/** Adds a cluster that is marked as that of an existing data folder. */
const addCluster = (name: string): { home: string; dataDir: string } => {
  const home = join(base, name);
  const dataDir = join(folder, `data-${name}`);
  mkdirSync(join(home, 'data'), { recursive: true });
  mkdirSync(dataDir);
  markOwner(home, dataDir);
  return { home, dataDir };
};

const sweep = (dataDir = join(folder, 'own'), current?: string) =>
  sweepAbandonedClusters(base, dataDir, current);

test('the cluster of a removed data folder is removed, also when the folder above is removed', () => {
  const [one, two, stays] = ['one', 'two', 'stays'].map(addCluster);
  rmSync(one!.dataDir, { recursive: true });
  writeFileSync(
    join(two!.home, 'belongs-to.json'),
    readFileSync(join(two!.home, 'belongs-to.json'), 'utf8').replace('data-two', 'gone/data-two'),
  );
  sweep();
  expect([one, two, stays].map((each) => existsSync(each!.home))).toEqual([false, false, true]);
});

test('the former cluster of a data folder that was created anew is removed, and the current one stays', () => {
  const { home, dataDir } = addCluster('former');
  const current = join(base, 'current');
  mkdirSync(current);
  markOwner(current, dataDir);
  sweep(dataDir, current);
  expect([home, current].map((each) => existsSync(each))).toEqual([false, true]);
});

test.each([
  ['of a disk that is not mounted', { device: -1 }],
  ['of another machine', { host: 'elsewhere' }],
  ['whose mark is damaged', { dataDir: null }],
])('a cluster %s is not removed', (_which, change) => {
  const { home, dataDir } = addCluster('other');
  rmSync(dataDir, { recursive: true });
  const mark = join(home, 'belongs-to.json');
  const owner: object = JSON.parse(readFileSync(mark, 'utf8'));
  writeFileSync(mark, JSON.stringify({ ...owner, ...change }));
  sweep();
  sweep(dataDir);
  expect(existsSync(home)).toBe(true);
});

test('folders without a mark, and a cluster whose server runs, are not removed', () => {
  const { home, dataDir } = addCluster('running');
  rmSync(dataDir, { recursive: true });
  mkdirSync(join(base, 'postgresql-18'));
  running = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)', home]);
  writeFileSync(join(home, 'data', 'postmaster.pid'), `${running.pid}\n`);
  sweep();
  expect(existsSync(home)).toBe(true);
  expect(existsSync(join(base, 'postgresql-18'))).toBe(true);
  writeFileSync(join(home, 'data', 'postmaster.pid'), `${process.pid}\n`);
  sweep();
  expect(existsSync(home)).toBe(false);
});
