import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readLocalEnv } from '../../config.ts';
import { readJson, writePrivateJson } from '../../local/data-folder.ts';
import {
  DRAFT_PREFIX,
  hasDatabase,
  removeDataFolder,
} from '../../local/postgres/postgres-place.ts';
import { type StackOptions, startStack } from '../../local/stack.ts';
import { shareBuilds } from '../support/stack/builds.ts';
import { waitUntil } from '../support/wait.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'keepsake-start-'));
});

afterEach(() => removeDataFolder(dataDir));

const start = (env: NodeJS.ProcessEnv, options: Partial<StackOptions> = {}) => {
  const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
  return startStack({
    env: readLocalEnv({ ...ports, KEEPSAKE_DATA_DIR: dataDir, ...env }),
    inherited: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], ...env },
    log: () => {},
    headless: true,
    ...options,
  });
};

test('a first start that fails leaves neither processes nor a database', async () => {
  await expect(start({ TEMPORAL_CLI_PATH: '/nowhere/temporal' })).rejects.toThrow(
    'TEMPORAL_CLI_PATH',
  );
  expect(hasDatabase(dataDir)).toBe(false);
  expect(readdirSync(dataDir)).not.toContain('processes.json');
  expect(readdirSync(dataDir)).not.toContain('lock.json');
});

test('a start without the database of earlier files is refused, and keeps the files', async () => {
  writePrivateJson(join(dataDir, 'postgres.json'), { password: 'of the database', port: 0 });
  writePrivateJson(join(dataDir, 'keys.json'), { admin: 'ks_kept' });
  await expect(start({})).rejects.toThrow(
    `${dataDir} had a database, because it has postgres.json, keys.json, but ${join(dataDir, 'postgres')} is missing.`,
  );
  expect(readJson(join(dataDir, 'postgres.json'))).toMatchObject({ password: 'of the database' });
  expect(readJson(join(dataDir, 'keys.json'))).toEqual({ admin: 'ks_kept' });
  expect(hasDatabase(dataDir)).toBe(false);
});

test('a start is refused if the folder of the database is there, but empty', async () => {
  const home = join(dataDir, 'postgres');
  mkdirSync(home, { mode: 0o700 });
  writePrivateJson(join(dataDir, 'keys.json'), { admin: 'ks_kept' });
  await expect(start({})).rejects.toThrow(
    `${dataDir} had a database, because it has keys.json, but ${join(home, 'data')} is missing. Restore`,
  );
  expect(readdirSync(home)).toEqual([]);
  expect(readJson(join(dataDir, 'keys.json'))).toEqual({ admin: 'ks_kept' });
  expect(existsSync(join(dataDir, 'postgres.json'))).toBe(false);
});

test('a removal of a database that was interrupted is completed by the next start', async () => {
  await shareBuilds(dataDir);
  const first = await start({});
  await first.stop();
  // The removal puts the data aside first, and removes the folder last.
  const home = realpathSync(join(dataDir, 'postgres'));
  renameSync(join(home, 'data'), join(home, `${DRAFT_PREFIX}removed`));
  rmSync(join(dataDir, 'postgres.json'));
  const second = await start({});
  await second.stop();
  expect(readdirSync(home)).toContain('data');
  expect(readdirSync(home).filter((name) => name.startsWith(DRAFT_PREFIX))).toEqual([]);
});

test('a first start that is stopped after it has made keys keeps its database and the keys', async () => {
  await shareBuilds(dataDir);
  const stopping = new AbortController();
  const failed = start({}, { demo: true, signal: stopping.signal }).catch(
    (error: Error) => error.message,
  );
  await waitUntil(() => existsSync(join(dataDir, 'keys.json')));
  stopping.abort();
  expect(await failed).toContain('aborted');
  expect(readdirSync(dataDir)).toEqual(expect.arrayContaining(['postgres', 'keys.json']));
});
