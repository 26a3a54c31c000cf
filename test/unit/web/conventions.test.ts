import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  const missing = [...new Set(parts)].filter(
    (part) => available.has(part) && !styles.includes(`/${part}.css`),
  );
  expect(missing, 'add a line to web/kit.css').toEqual([]);
});
