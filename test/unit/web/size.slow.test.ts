import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { prepareConsole } from '../../../local/console/prepare-console.ts';
import { CACHE_FOLDER } from '../../support/stack/builds.ts';

interface Chunk {
  file: string;
  isEntry?: true;
  imports?: string[];
  css?: string[];
}

const FIRST_KB = 220;
const PAGE_KB = 40;
/** Charts are loaded after their page, which has the numbers as text. */
const CHART_KB = 150;
const CHART = /-chart\.tsx$/;

let folder = '';
let manifest: Record<string, Chunk> = {};

beforeAll(async () => {
  folder = await prepareConsole(CACHE_FOLDER);
  manifest = JSON.parse(readFileSync(join(folder, '.vite/manifest.json'), 'utf8'));
});

/** The files of a chunk, and of all that it imports before it runs. */
const filesOf = (name: string): Set<string> => {
  const { file, css = [], imports = [] } = manifest[name]!;
  return new Set([file, ...css, ...imports.flatMap((other) => [...filesOf(other)])]);
};

const kilobytes = (files: Iterable<string>): number =>
  [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0) /
  1_000;

const limitOf = (name: string): number => (CHART.test(name) ? CHART_KB : PAGE_KB);

test(`the first load is at most ${FIRST_KB} kB in gzip, and each further page or dialog ${PAGE_KB} kB`, () => {
  const entry = Object.keys(manifest).find((name) => manifest[name]!.isEntry)!;
  const first = filesOf(entry);
  const pages = Object.keys(manifest)
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => ({
      name,
      kB: kilobytes([...filesOf(name)].filter((file) => !first.has(file))),
    }));
  const firstKb = kilobytes(first);
  const lines = [{ name: 'first load', kB: firstKb }, ...pages];
  console.log(lines.map(({ name, kB }) => `${kB.toFixed(1).padStart(6)} kB  ${name}`).join('\n'));

  expect(firstKb).toBeLessThanOrEqual(FIRST_KB);
  expect(pages.length).toBeGreaterThan(1);
  expect(pages.filter(({ name, kB }) => kB > limitOf(name))).toEqual([]);
});
