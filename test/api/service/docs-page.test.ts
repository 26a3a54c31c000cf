import { expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const get = (url: string) => api().call('GET', url, { key: null });

test.each(['/docs', '/docs/'])(
  '%s is one page with the title of Keepsake, and without the default files of Swagger UI',
  async (url) => {
    const page = await get(url);
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toBe(CSP);
    expect(page.text).toMatch(/^<!doctype html>/);
    expect(page.text).toContain('<title>Keepsake API</title>');
    expect(page.text).toContain('name="viewport"');
    expect(page.text).not.toMatch(/Swagger UI|favicon|logo|standalone|initializer/);
  },
);

test('the page loads nothing from other hosts, and has no inline scripts or styles', async () => {
  const page = await get('/docs');
  expect(page.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  expect(page.text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=/);
  const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, asset]) => asset!);
  expect(assets.length).toBeGreaterThan(5);
  for (const asset of assets) {
    const { status, text } = await get(asset);
    expect({ asset, status }).toEqual({ asset, status: 200 });
    // The files of the library contain such URLs; the policy and the settings prevent their use.
    const own = asset.startsWith('/docs/static/theme/') ? text : '';
    expect(own.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|@import/);
  }
  expect((await get('/docs/static/theme/nothing.js')).status).toBe(404);
});

test('the page shows the document of this API, and uses no external validator', async () => {
  const { text, headers } = await get('/docs/static/theme/docs.js');
  expect(headers['content-type']).toContain('javascript');
  expect(text).toContain("url: '/openapi.json'");
  expect(text).toContain('validatorUrl: null');
  expect(text).toContain('persistAuthorization: false');
});

test('light and dark mode follow the setting of the reader, also while the page is open', async () => {
  const { text: script } = await get('/docs/static/theme/theme.js');
  expect(script).toContain('(prefers-color-scheme: dark)');
  expect(script).toContain("addEventListener('change'");
  const { text: style } = await get('/docs/static/theme/docs.css');
  expect(style).toContain(':root.dark-mode {');
  const { text: library } = await get('/docs/static/swagger-ui.css');
  expect(library, 'the class that the script sets').toContain('html.dark-mode .swagger-ui{');
});
