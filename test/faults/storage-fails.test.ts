import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createDirectoryStorage } from '../../storage/directory.ts';
import { allDeleted, prepareTrial } from '../support/stack/fault-trial.ts';
import { expectInvariants } from '../support/database/invariants.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { waitUntil } from '../support/wait.ts';

const stack = useOwnStack();

/** The backup of 16,000 users needs more than twice as much. */
const ROOM_BYTES = 256 * 1024;
const USERS = 20_000;

const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' });

const works = (attempt: () => void): boolean => {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
};

const workerPid = (): string => String(stack().stack.info().pids.worker);

interface FullDisk {
  name: string;
  isPossible: boolean;
  fill: () => void;
  makeRoom: () => void;
}

const FULL_DISKS: FullDisk[] = [
  {
    name: 'files that may not grow (EFBIG)',
    isPossible: works(() => run('prlimit', '--version')),
    fill: () => run('prlimit', '--pid', workerPid(), `--fsize=${ROOM_BYTES}:`),
    makeRoom: () => run('prlimit', '--pid', workerPid(), '--fsize=unlimited:'),
  },
  {
    name: 'a small file system (ENOSPC)',
    isPossible: works(() => run('unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', tmpdir())),
    fill: () => run('mount', '-t', 'tmpfs', '-o', `size=${ROOM_BYTES}`, 'none', stack().storageDir),
    makeRoom: () => run('umount', stack().storageDir),
  },
];

test.for(FULL_DISKS)(
  'if storage is full ($name), no user is deleted, the error says so, and a later job succeeds',
  async ({ name, isPossible, fill, makeRoom }, { skip }) => {
    skip(!isPossible, `this machine cannot make ${name}`);
    const trial = await prepareTrial(stack(), name.replaceAll(/[^a-z]/g, ''), USERS);
    await mkdir(trial.storageDir, { recursive: true });
    fill();
    try {
      const job = await trial.admin.finish(await trial.start());
      const selected = allDeleted(trial).counts.selected;
      expect(job).toMatchObject({
        state: 'failed',
        error: {
          type: 'storageFull',
          message: expect.stringContaining('The storage is full. Free some space'),
        },
        counts: { selected, deleted: 0, unprocessed: selected },
      });
      const files = await createDirectoryStorage(trial.storageDir).list('exports');
      expect(files.filter((file) => file.endsWith('.partial'))).toEqual([]);
    } finally {
      makeRoom();
    }
    const again = await trial.admin.finish(await trial.start());
    expect(again).toMatchObject(allDeleted(trial));
    await expectInvariants(trial);
  },
);

const FAILING_SYNC = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync'];
const canTrace = works(() => run('strace', ...FAILING_SYNC, 'true'));

/** Whether a tracer is attached to each thread of a process. It follows later threads by itself. */
const isTraced = async (pid: string): Promise<boolean> => {
  const folder = `/proc/${pid}/task`;
  const threads = await readdir(folder);
  const states = await Promise.all(
    // A thread may end in the meantime.
    threads.map((id) => readFile(join(folder, id, 'status'), 'utf8').catch(() => '')),
  );
  return states.every((text) => !/^TracerPid:\s*0$/m.test(text));
};

test.skipIf(!canTrace)(
  'while a disk cannot sync, no user is deleted before a whole backup was synced',
  async () => {
    const trial = await prepareTrial(stack(), 'unsynced', USERS);
    const pid = workerPid();
    const inject = ['-e', 'inject=fsync:error=EIO'];
    const tracer = spawn('strace', [...FAILING_SYNC, ...inject, '-p', pid]);
    const ended = once(tracer, 'exit');
    const triedAgain = async () => {
      const [row] = await stack().sql<object>(
        `SELECT count(DISTINCT a.attempt) > 1 AS again, coalesce(sum(p.deleted), 0)::int AS deleted
           FROM exports e JOIN export_attempts a ON a.export_id = e.id LEFT JOIN export_parts p USING (export_id)
          WHERE e.workspace_id = 'unsynced'`,
      );
      return row;
    };
    let jobId = '';
    try {
      await waitUntil(() => isTraced(pid));
      jobId = await trial.start();
      await expect.poll(triedAgain).toEqual({ again: true, deleted: 0 });
    } finally {
      tracer.kill('SIGINT');
      await ended;
    }
    expect(await trial.admin.finish(jobId)).toMatchObject(allDeleted(trial));
    await expectInvariants(trial);
  },
);

test.skipIf(!canTrace)(
  'a file is stored only if both the file and its folder are synced',
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'keepsake-sync-'));
    await mkdir(join(root, 'a'));
    // With one thread, call 1 is for the first file, and call 3 for the folder of the second.
    const every = '1+2';
    const inject = ['-e', `inject=fsync:error=EIO:when=${every}`];
    const script = ['--import', 'tsx', 'test/support/http/put-files.ts', root, 'a/1', 'a/2'];
    const { stdout } = await promisify(execFile)(
      'strace',
      [...FAILING_SYNC, ...inject, process.execPath, ...script],
      { env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
    );
    expect(JSON.parse(stdout)).toEqual({ results: ['broken', 'broken'], left: [] });
    await rm(root, { recursive: true });
  },
);

test.skipIf(!canTrace)('each put syncs every folder on the path to its file', async () => {
  const root = await mkdtemp(join(tmpdir(), 'keepsake-sync-'));
  const script = [
    '--import',
    'tsx',
    'test/support/http/put-files.ts',
    join(root, 'files'),
    'a/b/1',
    'a/b/2',
  ];
  const { stdout, stderr } = await promisify(execFile)('strace', [
    '-f',
    '-y',
    '-qq',
    '-e',
    'trace=fsync',
    process.execPath,
    ...script,
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ results: ['stored', 'stored'] });
  const synced = [...stderr.matchAll(/fsync\(\d+<([^>]*)>/g)].map(([, path = '']) => path);
  for (const folder of ['', 'files', 'files/a', 'files/a/b']) {
    const path = join(root, folder).replace(/\/$/, '');
    expect(synced.filter((one) => one === path)).toHaveLength(2);
  }
  await rm(root, { recursive: true });
});
