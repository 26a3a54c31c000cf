/**
 * The lanes of a step: connections that read, delete or restore side by side, each a part of its
 * own.
 */
export const LANES = 2;

/**
 * Runs lanes side by side until each is done. The first failure aborts the signal of the other
 * lanes, and is thrown when all have stopped. So no lane continues work that another lane has
 * abandoned.
 *
 * @returns the result of each lane
 */
export const runLanes = async <Result>(
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<Result>[],
): Promise<Result[]> => {
  const failure = new AbortController();
  const lanes = start(AbortSignal.any([signal, failure.signal]));
  for (const lane of lanes) lane.catch((error: unknown) => failure.abort(error));
  await Promise.allSettled(lanes);
  if (failure.signal.aborted) throw failure.signal.reason;
  return Promise.all(lanes);
};

/**
 * Works on each item once, with `count` lanes that take items from one queue. Throws as `runLanes`
 * does.
 */
export const inLanes = async <Item>(
  items: Iterable<Item>,
  count: number,
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const queue = items[Symbol.iterator]();
  const runLane = async (laneSignal: AbortSignal): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      laneSignal.throwIfAborted();
      await work(next.value, laneSignal);
    }
  };
  await runLanes(signal, (laneSignal) => Array.from({ length: count }, () => runLane(laneSignal)));
};
