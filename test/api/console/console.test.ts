import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openConsole } from '../../../api/console/console-build.ts';
import { CONSOLE_PATHS, NONCE_PLACEHOLDER } from '../../../rules/console-paths.ts';
import { type Answer, useApi } from '../support.ts';

/** A folder as the build writes it, with one file of each kind. */
const makeBuild = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-console-'));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(
    join(folder, 'index.html'),
    `<meta property="csp-nonce" nonce="${NONCE_PLACEHOLDER}"><script nonce="${NONCE_PLACEHOLDER}">`,
  );
  for (const [name, text] of Object.entries({
    'index-1a2b.js': 'the file',
    'index-1a2b.js.br': 'by brotli',
    'index-1a2b.js.gz': 'by gzip',
    'small-3c4d.css': 'small',
  })) {
    writeFileSync(join(folder, 'assets', name), text);
  }
  return folder;
};

const api = useApi({ consoleDir: makeBuild() });
const bare = useApi();

const paths = CONSOLE_PATHS.map((path) => path.replaceAll(/\$\w+/g, 'x'));

const get = (url: string, headers: Record<string, string> = {}): Promise<Answer> =>
  api().call('GET', url, { key: null, headers });

const nonceIn = ({ headers }: Answer): string | undefined =>
  /'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1];

test.each(paths)('%s is the page, never stored, with a nonce of its own', async (path) => {
  const [first, second] = [await get(path), await get(`${path}?q=1`)];
  for (const answer of [first, second]) {
    const nonce = nonceIn(answer);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.text).toBe(
      `<meta property="csp-nonce" nonce="${nonce}"><script nonce="${nonce}">`,
    );
    expect(Buffer.from(nonce ?? '', 'base64')).toHaveLength(16);
  }
  expect(nonceIn(first)).not.toBe(nonceIn(second));
  expect((await api().call('HEAD', path, { key: null })).status).toBe(200);
});

test('the address of the page of a user is logged as a pattern, without the id', async () => {
  await get('/users/ada-of-the-log?do=edit');
  const lines = api().log.join('');
  expect(lines).toContain('"route":"/users/:id"');
  expect(lines).not.toContain('ada-of-the-log');
});

test('the page may load only own files, and is in no frame', async () => {
  const { headers } = await get('/');
  const policy = String(headers['content-security-policy']).replace(/'nonce-[^']+'/, "'nonce-…'");
  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'nonce-…'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
});

test.each(['/v1/nope', '/nope', '/settings/', '/index.html', '/sign-in/x', '/.vite/manifest.json'])(
  '%s is not a page of the console: the answer is a problem',
  async (path) => {
    const { status, headers, body } = await get(path);
    expect({ status, type: body.type }).toEqual({ status: 404, type: '/problems/not-found' });
    expect(headers['content-type']).toContain('application/problem+json');
  },
);

test('a page allows GET and HEAD only', async () => {
  const { status, headers } = await api().call('POST', '/settings', { key: null });
  expect({ status, allow: headers['allow'] }).toEqual({ status: 405, allow: 'GET, HEAD' });
});

test.each([
  ['br, gzip', 'by brotli', 'br'],
  ['gzip', 'by gzip', 'gzip'],
  ['identity', 'the file', undefined],
])('with Accept-Encoding %s, a file is sent as %s', async (accepted, text, encoding) => {
  const answer = await get('/assets/index-1a2b.js', { 'accept-encoding': accepted });
  expect(answer.status).toBe(200);
  expect(answer.text).toBe(text);
  expect(answer.headers['content-encoding']).toBe(encoding);
  expect(answer.headers['content-type']).toBe('application/javascript; charset=utf-8');
  expect(answer.headers['vary']).toBe('Accept-Encoding');
  expect(answer.headers['cache-control']).toBe('public, max-age=31536000, immutable');
});

test('a small file has no compressed form', async () => {
  const answer = await get('/assets/small-3c4d.css', { 'accept-encoding': 'br' });
  expect({ text: answer.text, encoding: answer.headers['content-encoding'] }).toEqual({
    text: 'small',
    encoding: undefined,
  });
});

test.each(['/assets/gone-1.js', '/assets/', '/assets/..%2findex.html', '/assets/.hidden'])(
  '%s is not a file of the console: the answer is a problem that is not stored',
  async (path) => {
    const { status, headers, body } = await get(path);
    expect({ status, type: body.type }).toEqual({ status: 404, type: '/problems/not-found' });
    expect(headers['cache-control']).toBe('no-store');
  },
);

test.each([...paths, '/assets/index-1a2b.js'])(
  'without a build, %s answers a problem that says what to do',
  async (path) => {
    const { status, body } = await bare().call('GET', path, { key: null });
    expect({ status, type: body.type }).toEqual({
      status: 404,
      type: '/problems/console-not-built',
    });
    expect(body.detail).toContain('npm run build:console -- <folder>');
  },
);

test('a folder without a build is refused at the start', async () => {
  await expect(openConsole(join(tmpdir(), 'nothing-here'))).rejects.toThrow(
    /^CONSOLE_DIR has no build of the console: .*index\.html cannot be read \(ENOENT\)\. Run "npm run build:console/,
  );
});
