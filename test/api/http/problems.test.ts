import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../../../api/http/problems.ts';
import { useApi } from '../support.ts';

const api = useApi();

test('docs/errors.md and the catalogue of problems have the same content', async () => {
  const text = await readFile(join(import.meta.dirname, '../../../docs/errors.md'), 'utf8');
  const told = [...text.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (.+?) \| (.+?) \|$/gm)].map(
    ([, slug, status, title, advice]) => ({ slug, status: Number(status), title, advice }),
  );
  const known = Object.entries(PROBLEMS).map(([slug, type]) => ({ slug, ...type }));
  expect(told, 'write docs/errors.md anew from api/http/problems.ts').toEqual(known);
});

test('each kind of problem has a readable page, and an unknown kind has none', async () => {
  const { call } = api();
  for (const [slug, { title }] of Object.entries(PROBLEMS)) {
    const page = await call('GET', `/problems/${slug}`, { key: null });
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.text).toContain(title);
  }
  expect((await call('GET', '/problems/constructor', { key: null })).status).toBe(404);
  expect((await call('GET', '/problems/nothing', { key: null })).status).toBe(404);
});

/** An instruction begins with one of these verbs: readers in a hurry see the next action first. */
const INSTRUCTION =
  /^(?:Ask|Check|Choose|Continue|Correct|Create|Make|Name|Read|Remove|Request|Send|Shorten|Type|Use|Wait)\b/;

test.each(Object.entries(PROBLEMS))(
  '%s: the advice begins with the next action of the caller',
  (_slug, { advice }) => {
    expect(advice).toMatch(INSTRUCTION);
    expect(advice).toMatch(/\.$/);
    for (const sentence of advice.split(/(?<=\.) /)) {
      expect(sentence.split(' ').length).toBeLessThanOrEqual(20);
    }
  },
);

test('a problem page has the instruction under a heading, a dark theme and a viewport for small screens', async () => {
  const { text, headers } = await api().call('GET', '/problems/wrong-phrase', { key: null });
  const [, instruction] = text.split('<h2>What to do</h2>');
  expect(instruction).toContain(PROBLEMS['wrong-phrase'].advice);
  expect(text).toContain('@media(prefers-color-scheme:dark)');
  expect(text).toContain('content="width=device-width,initial-scale=1"');
  expect(text).toContain('href="/docs"');
  expect(headers['content-security-policy']).toContain("default-src 'none'; style-src 'sha256-");
});
