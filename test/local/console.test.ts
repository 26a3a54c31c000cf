import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openConsole } from '../../api/console/console-build.ts';
import { hashConsoleSources } from '../../local/console/console-sources.ts';
import { prepareConsole } from '../../local/console/prepare-console.ts';
import { writePrivateFile } from '../../local/data-folder.ts';
import { runScript } from '../../local/processes/keepsake-process.ts';
import { NONCE_PLACEHOLDER } from '../../rules/console-paths.ts';
import { CONSOLE_FOLDER } from '../support/stack/builds.ts';

const stamp = (folder: string): number => statSync(join(folder, 'index.html')).mtimeMs;

test('the console is built once, and again only if its sources have changed', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'keepsake-build-'));
  const folder = await prepareConsole(dataDir);
  const built = stamp(folder);
  expect(await prepareConsole(dataDir)).toBe(folder);
  expect(stamp(folder)).toBe(built);

  writePrivateFile(join(folder, 'sources.sha256'), 'of other sources');
  await prepareConsole(dataDir);
  expect(stamp(folder)).toBeGreaterThan(built);
  expect(readFileSync(join(folder, 'sources.sha256'), 'utf8')).toBe(hashConsoleSources());
});

test('a stop of the start ends the build, and leaves nothing that counts as built', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'keepsake-build-'));
  const stopping = new AbortController();
  const building = prepareConsole(dataDir, stopping.signal);
  stopping.abort(new Error('stopped'));
  await expect(building).rejects.toThrow('stopped');
  expect(existsSync(join(dataDir, 'console', 'sources.sha256'))).toBe(false);
});

test('a folder with other files than a build, such as a data folder, is refused and stays', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'keepsake-build-'));
  mkdirSync(join(dataDir, 'files'));
  writePrivateFile(join(dataDir, 'files', 'backup.csv.zst'), 'users');
  await expect(runScript('local/console/build-console.ts', [dataDir], undefined)).rejects.toThrow(
    `${dataDir} holds files, which is not part of a build of the console, and a build empties its folder`,
  );
  expect(readFileSync(join(dataDir, 'files', 'backup.csv.zst'), 'utf8')).toBe('users');
});

test('a folder with only hidden names, such as a home folder, is refused and stays', async () => {
  const home = mkdtempSync(join(tmpdir(), 'keepsake-build-'));
  mkdirSync(join(home, '.ssh'));
  await expect(runScript('local/console/build-console.ts', [home], undefined)).rejects.toThrow(
    `${home} holds .ssh, which is not part of a build`,
  );
  expect(readdirSync(home)).toEqual(['.ssh']);
});

test('each larger file of the build has both compressed forms, with the same content', () => {
  const assets = join(CONSOLE_FOLDER, 'assets');
  const names = readdirSync(assets).filter((name) => /\.(?:js|css)$/.test(name));
  const large = names.filter((name) => statSync(join(assets, name)).size >= 1_024);
  expect(large.length).toBeGreaterThan(2);
  for (const name of large) {
    const content = readFileSync(join(assets, name));
    expect(brotliDecompressSync(readFileSync(join(assets, `${name}.br`)))).toEqual(content);
    expect(gunzipSync(readFileSync(join(assets, `${name}.gz`)))).toEqual(content);
  }
});

test('the built page has a place for the nonce, and loads only files of the build', async () => {
  const { page } = await openConsole(CONSOLE_FOLDER);
  expect(page).toContain(`<meta property="csp-nonce" nonce="${NONCE_PLACEHOLDER}">`);
  const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  for (const path of loaded.filter((one) => one !== '/docs')) {
    expect(path).toMatch(/^\/assets\/[\w-]+-[\w-]{8}\.\w+$/);
    expect(existsSync(join(CONSOLE_FOLDER, path))).toBe(true);
  }
  expect(loaded.length).toBeGreaterThan(3);
});
