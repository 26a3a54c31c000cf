import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDataFolder, readJson, writePrivateJson } from '../../local/data-folder.ts';
import { lockDataFolder } from '../../local/lock.ts';
import { identify } from '../../local/process-identity.ts';
import { openSecrets } from '../../local/secrets.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-folder-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

test('a second start on the same folder is refused while the first lives', () => {
  const unlock = lockDataFolder(folder);
  expect(() => lockDataFolder(folder)).toThrow(`already runs on the data folder ${folder}`);
  unlock();
  lockDataFolder(folder)();
});

test('the lock of a process that is gone, or that is another by now, is taken over', () => {
  for (const startedAt of ['another boot/1', '']) {
    writePrivateJson(join(folder, 'lock.json'), { pid: process.pid, startedAt });
    const unlock = lockDataFolder(folder);
    expect(readJson(join(folder, 'lock.json'))).toEqual(identify(process.pid));
    unlock();
  }
  writeFileSync(join(folder, 'lock.json'), '{"pid": 12');
  expect(() => lockDataFolder(folder)()).not.toThrow();
});

test('a folder that cannot be made says which setting to change', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => openDataFolder(join(folder, 'file', 'data'))).toThrow('set KEEPSAKE_DATA_DIR');
});

test('secrets are made once, long, and for the owner only', () => {
  const made = openSecrets(folder);
  expect(made.LINK_SECRET).toMatch(/^[0-9a-f]{64}$/);
  expect(openSecrets(folder)).toEqual(made);
  expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600);
  writeFileSync(join(folder, 'secrets.json'), '{}');
  expect(() => openSecrets(folder)).toThrow('is damaged');
  expect(readJson(join(folder, 'secrets.json'))).toEqual({});
});
