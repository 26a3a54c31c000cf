import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { markNewCluster, readMark, renewMark } from '../../../local/postgres/cluster-mark.ts';
import { describeUnused, removeThrowaways } from '../../../local/postgres/throwaway-clusters.ts';
import { identify, type ProcessIdentity } from '../../../local/processes/process-identity.ts';

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

const living = (): ProcessIdentity => identify(process.pid)!;

/** A process that has ended, and whose id now belongs to a living process. */
const ended = (): ProcessIdentity => ({ pid: process.pid, startedAt: 'another boot/1' });

/** Adds a cluster with the data folder that has a link to it. */
const addCluster = (name: string, throwawayOf?: ProcessIdentity) => {
  const home = join(base, name);
  const dataDir = join(folder, `data-${name}`);
  mkdirSync(join(home, 'data'), { recursive: true });
  mkdirSync(dataDir);
  symlinkSync(home, join(dataDir, 'postgres'));
  markNewCluster(home, dataDir, throwawayOf);
  return { home, dataDir };
};

const markFile = (home: string): string => join(home, 'belongs-to.json');

const changeMark = (home: string, change: object): void => {
  const mark = JSON.parse(readFileSync(markFile(home), 'utf8')) as object;
  writeFileSync(markFile(home), JSON.stringify({ ...mark, ...change }));
};

test('a throwaway cluster is removed once its process has ended, and not before', () => {
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const [lives, over, reused] = [
    addCluster('lives', living()),
    addCluster('over', { pid: gone, startedAt: living().startedAt }),
    addCluster('reused', ended()),
  ];
  rmSync(lives.dataDir, { recursive: true });
  removeThrowaways(base);
  expect([lives, over, reused].map(({ home }) => existsSync(home))).toEqual([true, false, false]);
});

test('a cluster that is not a throwaway stays when its data folder was removed or moved', () => {
  const [removed, moved, replaced] = ['removed', 'moved', 'replaced'].map((name) =>
    addCluster(name),
  );
  rmSync(removed!.dataDir, { recursive: true });
  renameSync(moved!.dataDir, join(folder, 'elsewhere'));
  renameSync(replaced!.dataDir, join(folder, 'old'));
  mkdirSync(replaced!.dataDir);
  removeThrowaways(base);
  removeThrowaways(base, folder);
  expect([removed, moved, replaced].map((each) => existsSync(each!.home))).toEqual([
    true,
    true,
    true,
  ]);
});

test.each([
  ['of another machine', { host: 'elsewhere' }],
  ['whose mark is incomplete', { dataDir: null }],
  ['whose mark names its process incompletely', { throwawayOf: { pid: 12 } }],
])('a throwaway cluster %s is not removed', (_which, change) => {
  const { home, dataDir } = addCluster('other', ended());
  changeMark(home, change);
  removeThrowaways(base);
  removeThrowaways(base, dataDir);
  expect(existsSync(home)).toBe(true);
});

test('a throwaway cluster with a mark that is not JSON, or without one, is not removed', () => {
  const { home } = addCluster('damaged', ended());
  writeFileSync(markFile(home), '{"dataDir":');
  removeThrowaways(base);
  rmSync(markFile(home));
  removeThrowaways(base);
  expect(existsSync(home)).toBe(true);
});

test('a throwaway cluster whose server runs is not removed', () => {
  const { home } = addCluster('running', ended());
  running = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)', home]);
  writeFileSync(join(home, 'data', 'postmaster.pid'), `${running.pid}\n`);
  removeThrowaways(base);
  expect(existsSync(home)).toBe(true);
  writeFileSync(join(home, 'data', 'postmaster.pid'), `${process.pid}\n`);
  removeThrowaways(base);
  expect(existsSync(home)).toBe(false);
});

test('the throwaway clusters of a removed folder are removed, and those of other folders stay', () => {
  const { home, dataDir } = addCluster('one', living());
  const longer = addCluster('one-longer', living());
  rmSync(dataDir, { recursive: true });
  removeThrowaways(base, dataDir);
  expect([home, longer.home].map((each) => existsSync(each))).toEqual([false, true]);
});

test('each start stores the present path of the data folder', () => {
  const { home, dataDir } = addCluster('moved');
  const moved = join(folder, 'elsewhere');
  renameSync(dataDir, moved);
  renewMark(home, moved, undefined);
  expect(readMark(home)).toMatchObject({ dataDir: moved });
});

test('a throwaway cluster is kept from the first start on that is not a throwaway itself', () => {
  const { home, dataDir } = addCluster('taken-over', ended());
  renewMark(home, dataDir, living());
  expect(readMark(home)?.throwawayOf).toEqual(living());
  renewMark(home, dataDir, undefined);
  renewMark(home, dataDir, living());
  expect(readMark(home)?.throwawayOf).toBeUndefined();
});

test('the mark of an earlier version is renewed also if the data folder was moved', () => {
  const { home, dataDir } = addCluster('earlier');
  changeMark(home, { inode: undefined });
  const moved = join(folder, 'elsewhere');
  renameSync(dataDir, moved);
  renewMark(home, moved, undefined);
  expect(readMark(home)).toMatchObject({ dataDir: moved });
});

test('a database whose data folder is missing or was replaced is named, with the two ways to end this', () => {
  const [used, missing] = [addCluster('used'), addCluster('missing')];
  addCluster('throwaway', living());
  rmSync(join(folder, 'data-throwaway'), { recursive: true });
  expect(describeUnused(base, used.home)).toEqual([]);
  rmSync(missing.dataDir, { recursive: true });
  const line =
    `The database in ${missing.home} is kept, but its data folder ${missing.dataDir} is missing, ` +
    'was replaced, or is on a disk that is not mounted: if that folder was moved, start Keepsake ' +
    `with it once, and if nobody needs the database, run: rm -r ${missing.home}`;
  expect(describeUnused(base, used.home)).toEqual([line]);
  expect(describeUnused(base, missing.home)).toEqual([]);
  mkdirSync(missing.dataDir);
  symlinkSync(used.home, join(missing.dataDir, 'postgres'));
  expect(describeUnused(base, used.home)).toEqual([line]);
});
