import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench-stack.ts';

/**
 * A request each 20 ms, whether the one before has been answered or not: nobody waits for others.
 */
const INTERVAL_MS = 20;
const MAX_SILENCE_MS = 60_000;

/**
 * Resolves once the answer has come whole. Not by `fetch`, which takes 2 ms of the processor for
 * each: whoever measures shares it with what is measured.
 *
 * @throws Error when it is not a success
 */
const send = (
  { info, key }: Bench,
  agent: Agent,
  { method, path, body }: { method: string; path: string; body?: string },
): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const sent = request(new URL(path, info().api), { method, agent, headers }, (answer) => {
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`${method} ${path}: ${answer.statusCode}`));
      });
      answer.resume();
    });
    sent.on('error', reject);
    sent.setTimeout(MAX_SILENCE_MS, () => sent.destroy(new Error(`${method} ${path}: no answer`)));
    sent.end(body);
  });

/** Out of ten: seven look at a user, two change one, one opens the first page. */
const requestAt = (turn: number, userId: string) => {
  const path = `/v1/users/${userId}`;
  switch (turn % 10) {
    case 0:
    case 5:
      return { method: 'PATCH', path, body: JSON.stringify({ city: `City ${turn}` }) };
    case 9:
      return { method: 'GET', path: '/v1/users?limit=50' };
    default:
      return { method: 'GET', path };
  }
};

/** Sends traffic until told to stop. @returns how long each answer took, from when it was due */
const sendTraffic = async (bench: Bench, ids: readonly string[], signal: AbortSignal) => {
  const agent = new Agent({ keepAlive: true });
  const start = performance.now();
  const open: Promise<number>[] = [];
  for (let turn = 0; !signal.aborted; turn++) {
    const due = start + turn * INTERVAL_MS;
    await sleep(Math.max(due - performance.now(), 0));
    const sent = send(bench, agent, requestAt(turn, ids[turn % ids.length] ?? ''));
    const answered = sent.then(() => performance.now() - due);
    // One that fails is thrown at the end; nobody waits for it before.
    answered.catch(() => {});
    open.push(answered);
  }
  try {
    return await Promise.all(open);
  } finally {
    agent.destroy();
  }
};

/**
 * Reads and changes users who stay while something runs. @returns its result, and how long each
 * answer took
 */
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
