import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { databaseElsewhere, removeDataFolder } from '../../../local/postgres/postgres-place.ts';
import { startPostgres, type Postgres } from '../../../local/postgres/postgres.ts';
import { isRoot } from '../../../local/postgres/server-user.ts';
import { openTemporaryFolder } from '../../../local/processes/temporary-folder.ts';

/** Root's data folders in a folder that PostgreSQL's user may not enter. */
let closed: string;
let base: string;
let dataDir: string;
let moved: string;
let lines: string[];
const running: Postgres[] = [];
/** Databases outside of their data folders. */
const homes: string[] = [];

/** The tests are themselves in a temporary folder, so this folder is outside of it. */
const OUTSIDE = '/tmp';

beforeEach(() => {
  closed = mkdtempSync(join(OUTSIDE, 'moved-folders-'));
  chmodSync(closed, 0o700);
  base = mkdtempSync(join(tmpdir(), 'moved-demo-'));
  dataDir = join(closed, 'data');
  moved = join(closed, 'moved');
  lines = [];
});

afterEach(async () => {
  for (const postgres of running.splice(0)) await postgres.stop();
  for (const folder of [dataDir, moved]) if (existsSync(folder)) removeDataFolder(folder);
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
  rmSync(closed, { recursive: true });
});

const start = async (folder: string): Promise<Postgres> => {
  const postgres = await startPostgres({ dataDir: folder, log: (line) => lines.push(line) });
  running.push(postgres);
  return postgres;
};

const stopAll = async (): Promise<void> => {
  for (const postgres of running.splice(0)) await postgres.stop();
};

const query = async ({ url }: Postgres, text: string): Promise<unknown[]> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows.flatMap(Object.values);
  } finally {
    await client.end();
  }
};

/** Makes a database with a user, stops its server, and returns its home. */
const makeDatabase = async (): Promise<string> => {
  await query(await start(dataDir), 'CREATE TABLE kept AS SELECT 42 AS answer');
  await stopAll();
  const home = databaseElsewhere(dataDir)!;
  homes.push(home);
  return home;
};

const markOf = (home: string): unknown =>
  JSON.parse(readFileSync(join(home, 'belongs-to.json'), 'utf8'));

/** Does what a demo does with its database. */
const runDemo = async (): Promise<void> => {
  const folder = await openTemporaryFolder('keepsake-trial-demo-', base);
  const postgres = await startPostgres({ dataDir: folder.path, isThrowaway: true });
  const home = databaseElsewhere(folder.path)!;
  expect(existsSync(home)).toBe(true);
  await postgres.stop();
  await folder.remove();
  expect(existsSync(home)).toBe(false);
};

test.runIf(isRoot())(
  'the database of a moved data folder stays when a new folder has the old path, and is named once',
  async () => {
    const home = await makeDatabase();
    renameSync(dataDir, moved);
    await start(dataDir);
    expect(existsSync(home)).toBe(true);
    const said = lines.filter((line) => line.includes(home));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(dataDir);
    expect(said[0]).toContain(`rm -r ${home}`);
    await stopAll();

    expect(await query(await start(moved), 'SELECT answer FROM kept')).toEqual([42]);
    expect(markOf(home)).toMatchObject({ dataDir: moved });
  },
);

test.runIf(isRoot())(
  'the database of a moved checkout stays when a demo starts and ends',
  async () => {
    const home = await makeDatabase();
    renameSync(dataDir, moved);
    await runDemo();
    expect(existsSync(home)).toBe(true);
    expect(await query(await start(moved), 'SELECT answer FROM kept')).toEqual([42]);
  },
);

test.runIf(isRoot())(
  'a copy of a data folder is refused, whether its original runs or not, and changes nothing',
  async () => {
    const home = await makeDatabase();
    cpSync(dataDir, moved, { recursive: true, verbatimSymlinks: true });
    const refusal = `${moved} is a copy of the data folder ${dataDir}`;
    await expect(start(moved)).rejects.toThrow(refusal);
    const original = await start(dataDir);
    const pid = original.pid();
    await expect(start(moved)).rejects.toThrow(refusal);
    expect(original.pid()).toBe(pid);
    expect(await query(original, 'SELECT answer FROM kept')).toEqual([42]);
    expect(markOf(home)).toMatchObject({ dataDir });
    // Removing the copy leaves the database to its original.
    removeDataFolder(moved);
    expect(existsSync(home)).toBe(true);
  },
);

test.runIf(isRoot())(
  'a copy whose original is missing starts only after the mark of the database was removed',
  async () => {
    const home = await makeDatabase();
    cpSync(dataDir, moved, { recursive: true, verbatimSymlinks: true });
    renameSync(dataDir, join(closed, 'renamed'));
    await expect(start(moved)).rejects.toThrow(`remove ${join(home, 'belongs-to.json')}`);
    rmSync(join(home, 'belongs-to.json'));
    expect(await query(await start(moved), 'SELECT answer FROM kept')).toEqual([42]);
    await stopAll();
    await expect(start(join(closed, 'renamed'))).rejects.toThrow(
      `is a copy of the data folder ${moved}`,
    );
  },
);

test.runIf(isRoot())(
  'a data folder without its link is refused with the command that restores the link',
  async () => {
    const home = await makeDatabase();
    const link = join(dataDir, 'postgres');
    rmSync(link);
    await expect(start(dataDir)).rejects.toThrow(`run ln -s ${home} ${link}`);
    symlinkSync(home, link);
    expect(await query(await start(dataDir), 'SELECT answer FROM kept')).toEqual([42]);
  },
);
