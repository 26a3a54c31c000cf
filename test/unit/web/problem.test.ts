import { expect, test } from 'vitest';
import { problemOf, readProblem, unreachable } from '../../../web/api/problem.ts';
import { mayRetry, retryDelayMs } from '../../../web/api/retry.ts';

const answer = (status: number, body: string, headers: Record<string, string> = {}) =>
  readProblem(new Response(body, { status, headers }));

const away = () =>
  answer(
    503,
    JSON.stringify({
      type: '/problems/database-unavailable',
      title: 'The database is not available',
      status: 503,
      detail: 'PostgreSQL is not available.',
      requestId: 'b1',
    }),
    { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '7' },
  );

test('a problem keeps its slug, its words, its request id and its time to wait', async () => {
  expect(await away()).toMatchObject({
    name: 'Problem',
    slug: 'database-unavailable',
    status: 503,
    title: 'The database is not available',
    detail: 'PostgreSQL is not available.',
    message: 'PostgreSQL is not available.',
    requestId: 'b1',
    retryAfterSeconds: 7,
    errors: [],
  });
});

test.each([
  ['a page of a proxy', '<h1>Bad gateway</h1>', 'text/html'],
  ['a broken body', '{', 'application/problem+json'],
])('%s is a problem too', async (_name, body, type) => {
  expect(await answer(502, body, { 'content-type': type, 'x-request-id': 'p1' })).toMatchObject({
    slug: 'no-answer',
    status: 502,
    requestId: 'p1',
  });
});

test('any other error is a fault of the console, and a problem stays what it is', async () => {
  expect(problemOf(new TypeError('x is undefined')).slug).toBe('console-failed');
  const problem = await away();
  expect(problemOf(problem)).toBe(problem);
});

test('reading, or changing with a key, is tried again three times; nothing else is', async () => {
  const problem = await away();
  expect([0, 2, 3].map((retries) => mayRetry(problem, retries, true))).toEqual([true, true, false]);
  expect(mayRetry(problem, 0, false)).toBe(false);
  expect(mayRetry(unreachable(new TypeError('Failed to fetch')), 0, true)).toBe(true);
  expect(mayRetry(await answer(404, ''), 0, true)).toBe(false);
  expect(mayRetry(problemOf(new Error('a fault')), 0, true)).toBe(false);
});

test('the next try waits as long as the server says, else 5 seconds', async () => {
  expect(retryDelayMs(await away())).toBe(7_000);
  expect(retryDelayMs(unreachable(undefined))).toBe(5_000);
});
