import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { openTemporaryFolder } from '../../../local/processes/temporary-folder.ts';
import { startStack } from '../../../local/stack.ts';
import { readLocalEnv } from '../../../config.ts';
import { CACHE_FOLDER } from '../stack/builds.ts';
import { startChromium } from './start-chromium.ts';

/**
 * Writes the pictures of the documents from the data of the demo: `npm run screenshots`. Each is
 * one page in light and in dark.
 */
const FOLDER = resolve('docs/console');
const MAX_BYTES = 200_000;
const SIZE = { width: 1_280, height: 800 };

interface Picture {
  name: string;
  path: string;
  heading: string;
  isPublic?: true;
}

const PICTURES: readonly Picture[] = [
  { name: 'sign-in', path: '/sign-in', heading: 'Sign in', isPublic: true },
  { name: 'overview', path: '/', heading: 'Overview' },
  { name: 'segments', path: '/segments', heading: 'Segments' },
  { name: 'users', path: '/users', heading: 'Users' },
];

const take = async (
  browser: Browser,
  { api, key }: { api: string; key: string },
  { name, path, heading, isPublic }: Picture,
): Promise<void> => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({
      baseURL: api,
      colorScheme,
      viewport: SIZE,
      locale: 'en-GB',
      timezoneId: 'Europe/Paris',
      reducedMotion: 'reduce',
    });
    if (!isPublic) await context.request.post('/v1/session', { data: { key } });
    const page: Page = await context.newPage();
    await page.goto(path);
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    await page.evaluate('document.fonts.ready');
    const file = join(FOLDER, `${name}-${colorScheme}.png`);
    await page.screenshot({ path: file });
    const { size } = statSync(file);
    if (size > MAX_BYTES) throw new Error(`${file} has ${size} bytes, more than ${MAX_BYTES}`);
    console.log(`${file}: ${Math.round(size / 1_000)} kB`);
    await context.close();
  }
};

const data = await openTemporaryFolder('keepsake-pictures-');
const stack = await startStack({
  env: readLocalEnv({
    PORT: '0',
    TEMPORAL_PORT: '0',
    TEMPORAL_UI_PORT: '0',
    OUTBOX_PORT: '0',
    KEEPSAKE_DATA_DIR: data.path,
  }),
  log: console.log,
  headless: true,
  withConsole: true,
  demo: true,
  cliFallbackFolder: CACHE_FOLDER,
});
const started = await startChromium();
try {
  if ('reason' in started.message) throw new Error(`No Chromium runs: ${started.message.reason}`);
  const browser = await chromium.connect(started.message.endpoint);
  const keys = JSON.parse(readFileSync(join(data.path, 'keys.json'), 'utf8')) as { admin: string };
  mkdirSync(FOLDER, { recursive: true });
  for (const picture of PICTURES) {
    await take(browser, { api: stack.info().api, key: keys.admin }, picture);
  }
  await browser.close();
} finally {
  await started.stop();
  await stack.stop();
  await data.remove();
}
