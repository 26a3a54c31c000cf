import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readLocalEnv } from '../../config.ts';
import { hasDatabase, removeDataFolder } from '../../local/postgres/postgres-place.ts';
import { startStack } from '../../local/stack.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'keepsake-start-'));
});

afterEach(() => removeDataFolder(dataDir));

const start = (env: NodeJS.ProcessEnv) => {
  const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
  return startStack({
    env: readLocalEnv({ ...ports, KEEPSAKE_DATA_DIR: dataDir, ...env }),
    inherited: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], ...env },
    log: () => {},
    headless: true,
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
