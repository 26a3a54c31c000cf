import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Problem, readProblem, unreachable } from '../../../web/api/problem.ts';
import { type CallState, createRetriedCall } from '../../../web/api/retried-call.ts';

const problem = (status: number, slug: string): Promise<Problem> =>
  readProblem(
    new Response(
      JSON.stringify({
        type: `/problems/${slug}`,
        title: slug,
        status,
        detail: '',
        requestId: 'r',
      }),
      { status, headers: { 'content-type': 'application/problem+json', 'retry-after': '2' } },
    ),
  );

/** A call whose answers are given in their order. */
const createCall = (...answers: (string | Problem)[]) => {
  const sent: string[] = [];
  const states: CallState<string>[] = [];
  const ends: unknown[] = [];
  const call = createRetriedCall<string, string>({
    send: async (input) => {
      sent.push(input);
      const answer = answers.shift() ?? 'job';
      if (typeof answer !== 'string') throw answer;
      return answer;
    },
    onAnswer: (answer) => void ends.push(answer),
    onChange: (state) => void states.push(state),
  });
  return { call, sent, states, ends, statuses: () => states.map(({ status }) => status) };
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('while the server is away, the same request is sent again after the time that it names', async () => {
  const { call, sent, ends, states } = createCall(
    await problem(503, 'temporal-unavailable'),
    'job',
  );
  call.call('a');
  await vi.advanceTimersByTimeAsync(0);
  expect(states.at(-1)).toMatchObject({ status: 'waiting', untilMs: Date.now() + 2_000 });
  await vi.advanceTimersByTimeAsync(1_999);
  expect(sent).toEqual(['a']);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toEqual(['a', 'a']);
  expect(ends).toEqual([{ result: 'job' }]);
});

test('a second click sends nothing, while a request is on its way or waits', async () => {
  const { call, sent } = createCall(unreachable(undefined));
  call.call('a');
  call.call('a');
  await vi.advanceTimersByTimeAsync(0);
  call.call('b');
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toEqual(['a']);
});

test('after three more tries a person decides, and the request is still open', async () => {
  const away = unreachable(undefined);
  const { call, sent, states, ends } = createCall(away, away, away, away, 'job');
  call.call('a');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toHaveLength(4);
  expect(states.at(-1)).toEqual({ status: 'failed', problem: away });
  expect(ends).toEqual([]);
  call.call('b');
  call.tryNow();
  await vi.advanceTimersByTimeAsync(0);
  expect(sent.at(-1)).toBe('a');
  expect(ends).toEqual([{ result: 'job' }]);
});

test('a refusal is an answer: it is not sent again, and another request may follow', async () => {
  const refused = await problem(410, 'preview-expired');
  const { call, sent, ends, statuses } = createCall(refused, 'job');
  call.call('a');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(statuses()).toEqual(['sending', 'failed']);
  expect(ends).toEqual([{ problem: refused }]);
  call.call('b');
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toEqual(['a', 'b']);
});

test('an internal error is no answer: the request may have had its effect', async () => {
  const { call, ends, statuses } = createCall(await problem(500, 'internal'));
  call.call('a');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(statuses()).toEqual(['sending', 'failed']);
  expect(ends).toEqual([]);
});

test('a part that is closed sends nothing more, and still takes an answer', async () => {
  const { call, sent, ends } = createCall('job', unreachable(undefined));
  call.call('a');
  call.stop();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toEqual([{ result: 'job' }]);
  call.call('b');
  await vi.advanceTimersByTimeAsync(0);
  call.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toEqual(['a', 'b']);
});

test('a request that is dropped is not sent again, its answer is not taken, and another may follow', async () => {
  const { call, sent, ends, statuses } = createCall(unreachable(undefined), 'late', 'job');
  call.call('a');
  await vi.advanceTimersByTimeAsync(0);
  call.drop();
  await vi.advanceTimersByTimeAsync(60_000);
  call.tryNow();
  expect(sent).toEqual(['a']);
  expect(statuses()).toEqual(['sending', 'waiting', 'idle']);
  call.call('b');
  call.drop();
  call.call('c');
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toEqual(['a', 'b', 'c']);
  expect(ends).toEqual([{ result: 'job' }]);
});
