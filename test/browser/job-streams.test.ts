import type { BrowserContext, Page, Request } from 'playwright-core';
import { expect, test, type TestContext } from 'vitest';
import { type OpenOptions, useConsole } from '../support/browser/console.ts';
import { addPlace, beginDeletion, holdJob, lockUsers } from '../support/browser/deletions.ts';

const { stack, open } = useConsole();
let count = 0;

/** A deletion that stands still; `free` lets it go on. */
const arrange = async () => {
  count += 1;
  const place = await addPlace(stack(), `streams-${count}`, { users: 1_000, inParis: 150 });
  // Without this, the deletion might end before it is held.
  const freeUser = await lockUsers(stack(), place, ['u-1']);
  const id = await beginDeletion(place);
  const free = await holdJob(stack(), id);
  await freeUser();
  return { place, id, free };
};

const isStream = (request: Request): boolean => request.url().endsWith('/events');

/** The streams that a browser has opened, and those that are open. */
const watchStreams = (context: BrowserContext) => {
  const opened: Request[] = [];
  const ended = new Set<Request>();
  context.on('request', (request) => isStream(request) && opened.push(request));
  context.on('requestfinished', (request) => isStream(request) && ended.add(request));
  context.on('requestfailed', (request) => isStream(request) && ended.add(request));
  return {
    opened: () => opened.length,
    open: () => opened.filter((request) => !ended.has(request)).length,
  };
};

const atProgress = (page: Page) =>
  page.getByRole('heading', { level: 2, name: 'Progress' }).waitFor();

const atEnd = (page: Page) =>
  page.getByRole('heading', { level: 2, name: '150 deleted' }).waitFor();

/** The first page, before it asks for anything: streams are counted from the begin. */
const openFirst = async (context: TestContext, options: OpenOptions) => {
  const page = await open(context, '/settings', options);
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  return { page, streams: watchStreams(page.context()) };
};

test('ten tabs hold one stream, none of them hangs, and all show the end', async (context) => {
  const { place, id, free } = await arrange();
  const { page, streams } = await openFirst(context, { key: place.key });
  const others = await Promise.all(Array.from({ length: 9 }, () => page.context().newPage()));
  const pages = [page, ...others];
  for (const one of pages) await one.goto(`/jobs/${id}`);
  await Promise.all(pages.map(atProgress));
  await expect.poll(streams.open).toBe(1);
  // A further page of the same host is still answered: the connections are not used up.
  await others[0]!.goto('/settings');
  await others[0]!.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
  await free();
  await Promise.all([page, ...others.slice(1)].map(atEnd));
});

test('if the tab with the stream is closed, another one goes on with it', async (context) => {
  const { place, id, free } = await arrange();
  const { page, streams } = await openFirst(context, { key: place.key });
  const second = await page.context().newPage();
  await page.goto(`/jobs/${id}`);
  await atProgress(page);
  await second.goto(`/jobs/${id}`);
  await atProgress(second);
  await expect.poll(streams.open).toBe(1);
  await page.close();
  await expect.poll(streams.opened).toBe(2);
  await free();
  await atEnd(second);
});

test('a tab that is hidden lets the stream go, and takes it again in front', async (context) => {
  const { place, id } = await arrange();
  const { page, streams } = await openFirst(context, { key: place.key });
  await page.goto(`/jobs/${id}`);
  await atProgress(page);
  await expect.poll(streams.open).toBe(1);
  const show = (state: 'hidden' | 'visible') =>
    page.evaluate(
      `Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
       document.dispatchEvent(new Event('visibilitychange'));`,
    );
  await show('hidden');
  await expect.poll(streams.open).toBe(0);
  await show('visible');
  await expect.poll(streams.open).toBe(1);
});

test('without a stream the page reads the job again, and shows its end', async (context) => {
  const { place, id, free } = await arrange();
  const { page, streams } = await openFirst(context, { key: place.key, isCut: true });
  await page.context().route('**/events', (route) => route.abort('connectionreset'));
  await page.goto(`/jobs/${id}`);
  await atProgress(page);
  await expect.poll(streams.opened).toBe(2);
  await expect.poll(streams.open).toBe(0);
  await free();
  await atEnd(page);
});

test('without a server the page says since when it shows no news, and goes on by itself', async (context) => {
  const { place, id, free } = await arrange();
  const { page } = await openFirst(context, { key: place.key, isOffline: true });
  await page.goto(`/jobs/${id}`);
  await atProgress(page);
  await page.context().setOffline(true);
  await page.getByText(/^Offline\. What you see is from \d\d:\d\d\.$/).waitFor();
  await page.context().setOffline(false);
  await free();
  await atEnd(page);
  // A request that failed meanwhile is repeated after some seconds.
  await page.getByText(/^Offline/).waitFor({ state: 'hidden' });
});
