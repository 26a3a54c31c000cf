import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  followJob,
  type JobChannel,
  type JobLocks,
  type JobSource,
  type JobStreamDeps,
} from '../../../web/api/job-stream.ts';
import type { Job } from '../../../web/jobs/job.ts';
import { at, jobJson } from '../../support/web/job-json.ts';

type Listen = (event: { data?: unknown }) => void;

/** A browser: one queue for its lock, one channel for each name, and the streams that it opens. */
const createBrowser = () => {
  let tail = Promise.resolve();
  const channels = new Map<string, Set<Listen>>();
  const sources: FakeSource[] = [];
  const locks: JobLocks = {
    request: (_name, { signal }, run) => {
      const turn = tail.then(() => {
        signal.throwIfAborted();
        return run();
      });
      tail = turn.then(
        () => {},
        () => {},
      );
      return turn;
    },
  };
  const deps: JobStreamDeps = {
    locks,
    openSource: (path) => {
      const source = createSource(path);
      sources.push(source);
      return source;
    },
    openChannel: (name): JobChannel => {
      const listeners = channels.get(name) ?? new Set();
      channels.set(name, listeners);
      const own: Listen[] = [];
      return {
        postMessage: (data) => {
          for (const listen of listeners) {
            if (!own.includes(listen)) listen({ data });
          }
        },
        addEventListener: (_name, listen) => {
          own.push(listen);
          listeners.add(listen);
        },
        close: () => {
          for (const listen of own) listeners.delete(listen);
        },
      };
    },
  };
  return { deps, sources, open: () => sources.filter(({ isClosed }) => !isClosed) };
};

interface FakeSource extends JobSource {
  path: string;
  isClosed: boolean;
  emit: (name: string, job?: Job) => void;
}

const createSource = (path: string): FakeSource => {
  const listeners = new Map<string, Listen>();
  const source: FakeSource = {
    path,
    isClosed: false,
    readyState: 1,
    addEventListener: (name, listen) => void listeners.set(name, listen),
    close: () => (source.isClosed = true),
    emit: (name, job) => listeners.get(name)?.({ data: JSON.stringify(job) }),
  };
  return source;
};

const JOB = jobJson();
const ENDED = jobJson({ state: 'succeeded', finishedAt: at(9) });

/** A tab that shows a job, and the states that it has heard. */
const showIn = (
  browser: ReturnType<typeof createBrowser>,
  values: { jobId?: string; keyId?: string; mayHold?: boolean } = {},
) => {
  const heard: Job[] = [];
  const { jobId = JOB.id, keyId = 'k1', mayHold = true } = values;
  const follow = { jobId, keyId, mayHold, onJob: (job: Job) => void heard.push(job) };
  return { heard, close: followJob(browser.deps, follow) };
};

/** Lets all promises go on. */
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('ten tabs of a browser open one stream, and all hear it', async () => {
  const browser = createBrowser();
  const tabs = Array.from({ length: 10 }, () => showIn(browser));
  await settle();
  expect(browser.sources.map(({ path }) => path)).toEqual([`/v1/jobs/${JOB.id}/events`]);
  browser.sources[0]!.emit('progress', JOB);
  expect(tabs.map(({ heard }) => heard)).toEqual(tabs.map(() => [JOB]));
});

test('if the tab with the stream closes, the next one takes over', async () => {
  const browser = createBrowser();
  const first = showIn(browser);
  const second = showIn(browser);
  await settle();
  first.close();
  await settle();
  expect(browser.sources.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  browser.open()[0]!.emit('progress', JOB);
  expect([first.heard, second.heard]).toEqual([[], [JOB]]);
});

test('a hidden tab holds no stream, and hears that of others', async () => {
  const browser = createBrowser();
  const hidden = showIn(browser, { mayHold: false });
  await settle();
  expect(browser.sources).toEqual([]);
  showIn(browser);
  await settle();
  browser.open()[0]!.emit('progress', JOB);
  expect(hidden.heard).toEqual([JOB]);
});

test('a tab hears nothing of another job, or of another person', async () => {
  const browser = createBrowser();
  const others = [
    showIn(browser, { jobId: 'other', mayHold: false }),
    showIn(browser, { keyId: 'k2', mayHold: false }),
  ];
  showIn(browser);
  await settle();
  browser.open()[0]!.emit('progress', JOB);
  expect(others.map(({ heard }) => heard)).toEqual([[], []]);
});

test('the end of a job ends its stream, and a tab with another job goes on', async () => {
  const browser = createBrowser();
  const { heard } = showIn(browser);
  showIn(browser, { jobId: 'other' });
  await settle();
  browser.sources[0]!.emit('finished', ENDED);
  await settle();
  expect(heard).toEqual([ENDED]);
  expect(browser.open().map(({ path }) => path)).toEqual(['/v1/jobs/other/events']);
});

test('after two failures in a row a tab gives the stream up, and tries again after 30 s', async () => {
  const browser = createBrowser();
  showIn(browser);
  await settle();
  const [source] = browser.sources;
  source!.emit('error');
  source!.emit('open');
  source!.emit('error');
  expect(source!.isClosed).toBe(false);
  source!.emit('error');
  await settle();
  expect(source!.isClosed).toBe(true);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(browser.open()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(browser.open()).toHaveLength(1);
});

test('a refused stream is given up at once', async () => {
  const browser = createBrowser();
  const tab = showIn(browser);
  await settle();
  Object.assign(browser.sources[0]!, { readyState: 2 });
  browser.sources[0]!.emit('error');
  await settle();
  expect(browser.open()).toEqual([]);
  tab.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(browser.sources).toHaveLength(1);
});

test('without locks, as on plain http, no tab streams', async () => {
  const browser = createBrowser();
  browser.deps.locks = undefined;
  showIn(browser);
  await settle();
  expect(browser.sources).toEqual([]);
});
