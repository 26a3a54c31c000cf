import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const FOLDERS = ['local', 'test', 'imports', 'activities'];
const BY_NAME = /\b(?:spawn|spawnSync|execFile|execFileSync)\(\s*'(?:node|npx|tsx|vitest)'/;

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);

test('no code starts Node, npx, tsx or vitest by its name on PATH', () => {
  expect(sources.length).toBeGreaterThan(200);
  expect(sources.filter((path) => BY_NAME.test(readFileSync(path, 'utf8')))).toEqual([]);
});

test('a version of Node that was not tested is refused with the usage', async () => {
  const args = ['--import', 'tsx', 'test/support/on-node.ts', '18', 'test/unit'];
  const { code, err } = await new Promise<{ code: number; err: string }>((done) => {
    execFile(process.execPath, args, (error, _out, err) =>
      done({ code: Number(error?.code ?? 0), err }),
    );
  });
  expect(code).toBe(2);
  expect(err).toContain('npm run test:node -- 22|24');
});
