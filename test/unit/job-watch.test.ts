import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createJobWatch, POLL_MS } from '../../api/jobs/job-watch.ts';

/** A read whose answers the test sends. */
const readByHand = () => {
  const open: ((state: string) => void)[] = [];
  return {
    read: vi.fn<() => Promise<string>>(() => new Promise((resolve) => open.push(resolve))),
    answer: (state: string) => open.shift()?.(state),
  };
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('a job is read once for all its watchers, and not without watchers', async () => {
  const read = vi.fn<(jobId: string) => Promise<string>>(async (jobId) => `state of ${jobId}`);
  const watch = createJobWatch(read);
  const heard: string[] = [];
  const stops = ['a', 'b', 'c'].map((who) => watch.add('job', (state) => heard.push(who + state)));
  stops.push(watch.add('other', () => {}));
  await vi.advanceTimersByTimeAsync(POLL_MS);
  expect(read.mock.calls).toEqual([['job'], ['other']]);
  expect(heard).toEqual(['astate of job', 'bstate of job', 'cstate of job']);
  for (const stop of stops) stop();
  await vi.advanceTimersByTimeAsync(10 * POLL_MS);
  expect(read).toHaveBeenCalledTimes(2);
  expect(vi.getTimerCount()).toBe(0);
});

test('a job is not read again before the last read has ended', async () => {
  const { read, answer } = readByHand();
  const stop = createJobWatch(read).add('job', () => {});
  await vi.advanceTimersByTimeAsync(20 * POLL_MS);
  expect(read).toHaveBeenCalledTimes(1);
  answer('state');
  await vi.advanceTimersByTimeAsync(POLL_MS);
  expect(read).toHaveBeenCalledTimes(2);
  stop();
});

test('a watcher that joins during a read does not get the older state of that read', async () => {
  const { read, answer } = readByHand();
  const watch = createJobWatch(read);
  const [early, late] = [vi.fn<() => void>(), vi.fn<() => void>()];
  const stops = [watch.add('job', early)];
  await vi.advanceTimersByTimeAsync(POLL_MS);
  stops.push(watch.add('job', late));
  answer('old');
  await vi.advanceTimersByTimeAsync(0);
  expect(early).toHaveBeenCalledTimes(1);
  expect(late).not.toHaveBeenCalled();
  for (const stop of stops) stop();
});

test('polling continues after a failed read', async () => {
  const read = vi
    .fn<() => Promise<string>>()
    .mockRejectedValueOnce(new Error('PostgreSQL is away'))
    .mockResolvedValue('state');
  const listener = vi.fn<(state: string) => void>();
  const stop = createJobWatch(read).add('job', listener);
  await vi.advanceTimersByTimeAsync(2 * POLL_MS);
  expect(listener.mock.calls).toEqual([['state']]);
  stop();
});

test('a watcher that leaves and returns during a read causes one poll, not two', async () => {
  const { read, answer } = readByHand();
  const watch = createJobWatch(read);
  const leave = watch.add('job', () => {});
  await vi.advanceTimersByTimeAsync(POLL_MS);
  leave();
  const stop = watch.add('job', () => {});
  answer('old');
  await vi.advanceTimersByTimeAsync(POLL_MS);
  expect(read).toHaveBeenCalledTimes(2);
  stop();
  answer('state');
  await vi.advanceTimersByTimeAsync(5 * POLL_MS);
  expect(read).toHaveBeenCalledTimes(2);
});
