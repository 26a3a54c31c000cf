import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCountTurns } from '../../api/users/count-turns.ts';

const LIMITS = { all: 2, each: 1, maxWaiting: 3, maxWaitingOfEach: 3 };
const never = (): AbortSignal => new AbortController().signal;

/** Whether a promise is settled, after all that is ready has run. */
const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise(setImmediate);
  return settled;
};

test('a workspace has one turn, and another workspace does not wait behind it', async () => {
  const take = createCountTurns(LIMITS);
  const endFirst = await take('one', never());
  const second = take('one', never());
  const third = take('one', never());
  expect(await isSettled(second)).toBe(false);
  const other = await take('two', never());
  expect(other).toBeTypeOf('function');
  endFirst?.();
  const endSecond = await second;
  expect(endSecond).toBeTypeOf('function');
  expect(await isSettled(third)).toBe(false);
});

test('turns of all workspaces together are limited, and the first that waits is the next', async () => {
  const take = createCountTurns(LIMITS);
  const ends = [await take('one', never()), await take('two', never())];
  const third = take('three', never());
  const fourth = take('four', never());
  expect(await isSettled(third)).toBe(false);
  ends[0]?.();
  expect(await isSettled(third)).toBe(true);
  expect(await isSettled(fourth)).toBe(false);
});

test('a wait ends without a turn when its signal is aborted, and holds up nobody', async () => {
  const take = createCountTurns(LIMITS);
  const end = await take('one', never());
  const controller = new AbortController();
  const left = take('one', controller.signal);
  const next = take('one', never());
  controller.abort();
  expect(await left).toBeUndefined();
  end?.();
  expect(await next).toBeTypeOf('function');
  expect(await take('two', controller.signal)).toBeUndefined();
});

test('beyond the limit of those that wait, there is no turn at once', async () => {
  const take = createCountTurns({ all: 1, each: 1, maxWaiting: 1, maxWaitingOfEach: 1 });
  await take('one', never());
  const waits = take('one', never());
  expect(await take('two', never())).toBeUndefined();
  expect(await isSettled(waits)).toBe(false);
});

test('workspaces take turns, and one that waits often does not keep out another', async () => {
  const take = createCountTurns({ all: 1, each: 1, maxWaiting: 100, maxWaitingOfEach: 2 });
  const end = await take('one', never());
  const order: string[] = [];
  const run = async (workspace: string, name: string): Promise<void> => {
    const endTurn = await take(workspace, never());
    order.push(endTurn === undefined ? `${name} refused` : name);
    endTurn?.();
  };
  const all = ['a', 'b', 'c'].map((name) => run('one', `one ${name}`));
  all.push(run('two', 'two a'), run('two', 'two b'));
  await isSettled(Promise.all(all));
  end?.();
  await Promise.all(all);
  expect(order).toEqual(['one c refused', 'one a', 'two a', 'one b', 'two b']);
});

test('in any order of work, no limit is exceeded and everybody gets a turn', async () => {
  const step = fc.record({
    workspace: fc.constantFrom('one', 'two', 'three'),
    rounds: fc.integer({ min: 0, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const take = createCountTurns({ all: 2, each: 1, maxWaiting: 100, maxWaitingOfEach: 100 });
      const running = new Map<string, number>();
      let most = 0;
      const work = async ({ workspace, rounds }: (typeof steps)[number]): Promise<void> => {
        const end = await take(workspace, never());
        running.set(workspace, (running.get(workspace) ?? 0) + 1);
        most = Math.max(most, ...running.values());
        const all = [...running.values()].reduce((sum, count) => sum + count, 0);
        expect(all).toBeLessThanOrEqual(2);
        for (let round = 0; round < rounds; round++) await new Promise(setImmediate);
        running.set(workspace, (running.get(workspace) ?? 0) - 1);
        end?.();
      };
      await Promise.all(steps.map(work));
      expect(most).toBeLessThanOrEqual(1);
    }),
  );
});
