import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench-stack.ts';

/** Sends a request every 20 ms, even if earlier ones are not answered yet. */
const INTERVAL_MS = 20;
const MAX_SILENCE_MS = 60_000;

/**
 * Reads and changes staying users while `run` runs. @returns its result, and the time of each
 * answer
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

/**
 * Sends traffic until the signal is aborted. @returns the time of each answer, from when its
 * request was due
 */
const sendTraffic = async (bench: Bench, ids: readonly string[], signal: AbortSignal) => {
  const agent = new Agent({ keepAlive: true });
  const start = performance.now();
  const open: Promise<number>[] = [];
  for (let turn = 0; !signal.aborted; turn++) {
    const due = start + turn * INTERVAL_MS;
    await sleep(Math.max(due - performance.now(), 0));
    const sent = send(bench, agent, requestAt(turn, ids[turn % ids.length] ?? ''));
    const answered = sent.then(() => performance.now() - due);
    // A failed request is thrown at the end. Until then it must not count as unhandled.
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
 * Sends a request. Resolves once the whole answer has arrived. It does not use `fetch`, which takes
 * 2 ms of processor time per request from the job being measured.
 *
 * @throws Error unless the answer is a success
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

/** Of ten requests seven read a user, two change one, and one reads the first page. */
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
