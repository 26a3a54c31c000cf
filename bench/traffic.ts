import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench-stack.ts';

/** A request each 20 ms, whether the one before has been answered or not: nobody waits for others. */
const INTERVAL_MS = 20;

/** Out of ten: seven look at a user, two change one, one opens the first page. */
const requestOf = ({ api }: Bench, turn: number, userId: string): Promise<unknown> => {
  const path = `/v1/users/${userId}`;
  switch (turn % 10) {
    case 0:
    case 5:
      return api.succeed('PATCH', path, { city: `City ${turn}` });
    case 9:
      return api.succeed('GET', '/v1/users?limit=50');
    default:
      return api.succeed('GET', path);
  }
};

/** Sends traffic until told to stop. @returns how long each answer took, from when it was due */
const sendTraffic = async (bench: Bench, ids: readonly string[], signal: AbortSignal) => {
  const start = performance.now();
  const open: Promise<number>[] = [];
  for (let turn = 0; !signal.aborted; turn++) {
    const due = start + turn * INTERVAL_MS;
    await sleep(Math.max(due - performance.now(), 0));
    const sent = requestOf(bench, turn, ids[turn % ids.length] ?? '');
    open.push(sent.then(() => performance.now() - due));
  }
  return Promise.all(open);
};

/** Reads and changes users who stay while something runs. @returns its result, and how long each answer took */
export const withTraffic = async <Result>(
  bench: Bench,
  ids: readonly string[],
  run: () => Promise<Result>,
): Promise<{ result: Result; times: number[] }> => {
  const stop = new AbortController();
  const traffic = sendTraffic(bench, ids, stop.signal);
  try {
    const result = await run();
    stop.abort();
    return { result, times: await traffic };
  } finally {
    stop.abort();
  }
};
