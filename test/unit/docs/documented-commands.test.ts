import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const scripts = Object.keys(
  (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }).scripts,
);

const files = [
  'README.md',
  'AGENTS.md',
  'bench/README.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));

/** The lines of all blocks of shell commands. */
const commands = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block.split('\n').map((line) => ({ file, line })),
  ),
);

test('every npm command in the documents exists', () => {
  const named = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(
      ([, name]) => name,
    ),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !scripts.includes(name!))).toEqual([]);
});

test('no command in the documents needs an installed Temporal CLI', () => {
  expect(commands.length).toBeGreaterThan(20);
  expect(commands.filter(({ line }) => /(?:^|[|&;]\s*)temporal\s/.test(line))).toEqual([]);
  expect(commands.filter(({ line }) => line.startsWith('npm run temporal -- ')).length).toBe(4);
});
