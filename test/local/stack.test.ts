import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readLocalEnv } from '../../config.ts';
import { readJson, writePrivateJson } from '../../local/data-folder.ts';
import { hasDatabase, removeDataFolder } from '../../local/postgres/postgres-place.ts';
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

test('a first start that fails keeps the password and the keys of a database that is elsewhere now', async () => {
  writePrivateJson(join(dataDir, 'postgres.json'), { password: 'of the database', port: 0 });
  writePrivateJson(join(dataDir, 'keys.json'), { admin: 'ks_kept' });
  await expect(start({ TEMPORAL_CLI_PATH: '/nowhere/temporal' })).rejects.toThrow(
    'TEMPORAL_CLI_PATH',
  );
  expect(readJson(join(dataDir, 'postgres.json'))).toMatchObject({ password: 'of the database' });
  expect(readJson(join(dataDir, 'keys.json'))).toEqual({ admin: 'ks_kept' });
  expect(hasDatabase(dataDir)).toBe(false);
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
