import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const DOCS = join(import.meta.dirname, '../../../docs');
const CONTENTS = readFileSync(join(DOCS, 'README.md'), 'utf8');

const rows = [...CONTENTS.matchAll(/^\| \[[^\]]+\]\(([^)]+)\) \| (.+?) \|$/gm)].map(
  ([, file, sentence]) => ({ file: file!, sentence: sentence! }),
);

const files = readdirSync(DOCS, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(DOCS.length + 1))
  .filter((file) => file.endsWith('.md') && file !== 'README.md');

test('docs/README.md lists each document exactly once, and only existing documents', () => {
  expect(rows.map(({ file }) => file).toSorted()).toEqual(files.toSorted());
});

test.each(rows)('$file has one sentence', ({ sentence }) => {
  expect(sentence).toMatch(/^[A-Z].*\w.*[^.]\.$/);
  expect(sentence.split(/[.!?] /)).toHaveLength(1);
});

test.each(['README.md', ...files])('links of %s within docs/ lead to existing files', (file) => {
  const text = readFileSync(join(DOCS, file), 'utf8');
  const links = [...text.matchAll(/\]\(([^)#\s]+\.md)(?:#[^)]*)?\)/g)].map(([, link]) => link!);
  const broken = links
    .filter((link) => !/^https?:/.test(link))
    .filter((link) => !existsSync(join(dirname(join(DOCS, file)), link)));
  expect(broken).toEqual([]);
});
