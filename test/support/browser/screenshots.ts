import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type ApiClient, createApiClient } from '../../../local/api-client.ts';
import { openTemporaryFolder } from '../../../local/processes/temporary-folder.ts';
import { startStack } from '../../../local/stack.ts';
import { readLocalEnv } from '../../../config.ts';
import { CACHE_FOLDER } from '../stack/builds.ts';
import { startChromium } from './start-chromium.ts';
import { userList } from './user-pages.ts';

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
  heading: string | RegExp;
  isPublic?: true;
  /** Brings the page into the state of the picture. */
  show?: (page: Page) => Promise<void>;
}

const leaveOutThree = async (page: Page): Promise<void> => {
  const list = userList(page);
  await list.header.click();
  await list.button(/^Select all/).click();
  for (const box of [1, 3, 4]) await page.getByRole('checkbox').nth(box).click();
  await list.says('3 left out');
};

/** @param churned the id of a segment */
const picturesOf = (churned: string, deletion: string): Picture[] => [
  { name: 'sign-in', path: '/sign-in', heading: 'Sign in', isPublic: true },
  {
    name: 'overview',
    path: '/',
    heading: 'Overview',
    show: (page) => page.locator('.recharts-bar-rectangle path').first().waitFor(),
  },
  { name: 'users', path: `/users?segment=${churned}`, heading: 'Users', show: leaveOutThree },
  {
    name: 'delete',
    path: `/users?segment=${churned}`,
    heading: 'Users',
    show: async (page) => {
      await leaveOutThree(page);
      await page.keyboard.press('Delete');
      await page.getByText('A backup is made and verified first.').waitFor();
    },
  },
  {
    name: 'job',
    path: `/jobs/${deletion}`,
    heading: /^Deletion/,
    show: (page) => page.getByText('Users a second').waitFor(),
  },
  { name: 'segments', path: '/segments', heading: 'Segments' },
];

const take = async (
  browser: Browser,
  { api, key }: { api: string; key: string },
  { name, path, heading, isPublic, show }: Picture,
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
    await show?.(page);
    await page.evaluate('document.fonts.ready');
    const file = join(FOLDER, `${name}-${colorScheme}.png`);
    await page.screenshot({ path: file });
    const { size } = statSync(file);
    if (size > MAX_BYTES) throw new Error(`${file} has ${size} bytes, more than ${MAX_BYTES}`);
    console.log(`${file}: ${Math.round(size / 1_000)} kB`);
    await context.close();
  }
};

/** Deletes and restores some users, so that the pages have something to show. */
const addWork = async (admin: ApiClient): Promise<{ churned: string; deletion: string }> => {
  const { data } = await admin.succeed<{ data: { id: string; name: string }[] }>(
    'GET',
    '/v1/segments',
  );
  const idOf = (name: string): string => {
    const segment = data.find((one) => one.name === name);
    if (segment === undefined) throw new Error(`the demo has no segment ${name}`);
    return segment.id;
  };
  const preview = await admin.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection: { type: 'segment', segmentId: idOf('Opted out everywhere') } },
  );
  const { id: deletion } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: preview.count },
    reason: 'They opted out of everything',
  });
  await admin.finish(deletion);
  return { churned: idOf('Churned'), deletion };
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
  const { api } = stack.info();
  const { churned, deletion } = await addWork(createApiClient(api, keys.admin));
  for (const picture of picturesOf(churned, deletion)) {
    await take(browser, { api, key: keys.admin }, picture);
  }
  await browser.close();
} finally {
  await started.stop();
  await stack.stop();
  await data.remove();
}
