import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../../..');
const FOLDER = join(PROJECT, 'docs/console');
const MAX_BYTES = 200_000;

const PICTURE =
  /<picture>\n {2}<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)-dark\.png">\n {2}<img alt="([^"]+)" src="([^"]+)-light\.png">\n<\/picture>/g;

interface Picture {
  dark: string;
  light: string;
  alt: string;
}

/** The pictures of a document, with paths from the project's folder. */
const picturesOf = (file: string): Picture[] => {
  const place = (path: string) => relative(PROJECT, join(dirname(join(PROJECT, file)), path));
  return [...readFileSync(join(PROJECT, file), 'utf8').matchAll(PICTURE)].map(
    ([, dark = '', alt = '', light = '']) => ({ dark: place(dark), light: place(light), alt }),
  );
};

const DOCUMENTS = ['README.md', 'docs/console.md'];
const shown = DOCUMENTS.flatMap(picturesOf);

test('the README shows the console in a light and a dark picture', () => {
  expect(picturesOf('README.md')).toHaveLength(1);
});

test.each(shown)('$light is there in light and dark, with a description', (picture) => {
  expect(picture.dark).toBe(picture.light);
  expect(picture.alt.length).toBeGreaterThan(20);
  for (const scheme of ['light', 'dark']) {
    const file = join(PROJECT, `${picture.light}-${scheme}.png`);
    expect(existsSync(file), file).toBe(true);
    expect(statSync(file).size).toBeLessThanOrEqual(MAX_BYTES);
  }
});

test('each picture of the console is shown in its document', () => {
  const names = readdirSync(FOLDER).map((name) => name.replace(/-(?:light|dark)\.png$/, ''));
  const inDocument = picturesOf('docs/console.md').map(({ light }) =>
    relative('docs/console', light),
  );
  expect([...new Set(names)].toSorted()).toEqual(inDocument.toSorted());
});
