import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

/** Rules for the sources of the console that types and lint cannot state. */

const files = readdirSync('web', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'schema.d.ts')
  .map(({ parentPath, name }) => join(parentPath, name));
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));

/** The lines of all files but those of `except` that match. */
const linesWith = (pattern: RegExp, except: RegExp): string[] =>
  [...sources]
    .filter(([file]) => !except.test(file))
    .flatMap(([file, text]) =>
      text
        .split('\n')
        .flatMap((line, index) =>
          pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
        ),
    );

test('only web/api sends requests', () => {
  const lines = linesWith(/\bfetch\(|XMLHttpRequest|sendBeacon|new EventSource/, /^web\/api\//);
  expect(lines, 'use the client of web/api').toEqual([]);
});

test('only the tokens name colours', () => {
  const lines = linesWith(/#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(/i, /tokens\.css$|icon\.svg$/);
  expect(lines, 'use a variable of web/tokens.css, or add one').toEqual([]);
});

test('only web/format writes numbers and times for people', () => {
  const lines = linesWith(/toLocale(?:Date|Time)?String|\bIntl\./, /^web\/format\//);
  expect(lines, 'use a function of web/format').toEqual([]);
});

test('the page has no styles or scripts in its HTML, which the policy refuses', () => {
  const page = sources.get('web/index.html')!;
  expect(page).not.toMatch(/<style|\bstyle=|\bon\w+=|<script(?![^>]*\bsrc=)/);
  expect(linesWith(/dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML/, /^$/)).toEqual([]);
});

const KIT = 'node_modules/@mantine/core/esm/components';

/** Parts of the kit, and those that they are made of. */
const withTheirParts = (parts: string[]): Set<string> => {
  const all = new Set<string>();
  const visit = (part: string): void => {
    if (!/^[A-Z]/.test(part) || all.has(part) || !existsSync(join(KIT, part))) return;
    all.add(part);
    const modules = readdirSync(join(KIT, part), { recursive: true, encoding: 'utf8' });
    for (const name of modules.filter((one) => one.endsWith('.mjs'))) {
      const text = readFileSync(join(KIT, part, name), 'utf8');
      for (const [, path = ''] of text.matchAll(/from "(\.[^"]+)"/g)) {
        const [other = '', file] = relative(KIT, join(KIT, part, dirname(name), path)).split('/');
        // Not a file that only shares a context or a type.
        if (file === `${other}.mjs`) visit(other);
      }
    }
  };
  for (const part of parts) visit(part);
  return all;
};

test('each part of the kit that a file uses has its styles', () => {
  const styles = sources.get('web/kit.css')!;
  const available = new Set(
    readdirSync('node_modules/@mantine/core/styles').map((name) => name.replace('.css', '')),
  );
  const parts = [...sources.values()].flatMap((text) =>
    [...text.matchAll(/import \{([^}]+)\} from '@mantine\/core'/g)].flatMap(([, names = '']) =>
      names.split(',').map((name) => name.trim()),
    ),
  );
  const missing = [...withTheirParts(parts)].filter(
    (part) => available.has(part) && !styles.includes(`/${part}.css`),
  );
  expect(missing, 'add a line to web/kit.css').toEqual([]);
});
