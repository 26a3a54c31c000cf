import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { programArguments, PROJECT_FOLDER } from '../../../local/processes/keepsake-process.ts';
import { compilePrograms, programOf } from '../../../local/processes/programs.ts';

const SOURCES = 'node_modules/.cache/keepsake/programs-test';
const MAIN = `${SOURCES}/main.ts`;

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'keepsake-programs-'));
  mkdirSync(join(PROJECT_FOLDER, SOURCES), { recursive: true });
  write('main.ts', "import { place } from './place.ts';\nimport 'zod';\n\nconsole.log(place);");
  write('place.ts', 'export const place: string = import.meta.dirname;');
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
  rmSync(join(PROJECT_FOLDER, SOURCES), { recursive: true });
});

const write = (name: string, text: string): void =>
  writeFileSync(join(PROJECT_FOLDER, SOURCES, name), text);

const run = () => promisify(execFile)(process.execPath, programArguments(programOf(dataDir, MAIN)));

test('a program finds packages and its source folder, wherever the data folder is', async () => {
  await compilePrograms(dataDir, [MAIN]);
  expect((await run()).stdout).toBe(`${join(PROJECT_FOLDER, SOURCES)}\n`);
});

test('a program is compiled again only when one of its sources has changed', async () => {
  await compilePrograms(dataDir, [MAIN]);
  const { mtimeMs } = statSync(programOf(dataDir, MAIN));
  await compilePrograms(dataDir, [MAIN]);
  expect(statSync(programOf(dataDir, MAIN)).mtimeMs).toBe(mtimeMs);
  write('place.ts', "export const place: string = 'changed';");
  await compilePrograms(dataDir, [MAIN]);
  expect((await run()).stdout).toBe('changed\n');
});

test('another main file is compiled, although the first is unchanged', async () => {
  await compilePrograms(dataDir, [MAIN]);
  write('other.ts', 'export {};');
  await compilePrograms(dataDir, [`${SOURCES}/other.ts`]);
  expect(readFileSync(programOf(dataDir, `${SOURCES}/other.ts`), 'utf8')).toContain('other');
});

test('several folders are compiled at the same time', async () => {
  write('many.ts', `export const text = '${'x'.repeat(3_000_000)}';`);
  write('large.ts', "import { text } from './many.ts';\n\nconsole.log(text.length);");
  const folders = ['one', 'two', 'three'].map((name) => join(dataDir, name));
  const mains = [MAIN, `${SOURCES}/large.ts`, MAIN];
  await Promise.all(folders.map((folder, n) => compilePrograms(folder, [mains[n]!])));
  for (const [n, folder] of folders.entries()) {
    expect(statSync(programOf(folder, mains[n]!)).size).toBeGreaterThan(0);
  }
});

test('a stack trace names the line of the source', async () => {
  write('place.ts', "export const place: string = 'x';\nthrow new Error('here');");
  await compilePrograms(dataDir, [MAIN]);
  await expect(run()).rejects.toThrow(/programs-test\/place\.ts:2:/);
});

test('a syntax error is reported with its file, and nothing counts as compiled', async () => {
  write('place.ts', 'export const = 1;');
  await expect(compilePrograms(dataDir, [MAIN])).rejects.toThrow(/place\.ts:1:/);
  write('place.ts', "export const place = 'fixed';");
  await compilePrograms(dataDir, [MAIN]);
  expect((await run()).stdout).toBe('fixed\n');
});
