import { EventEmitter, once } from 'node:events';

/**
 * Hands things on by their numbers, in whatever order they came, and holds those back who come too
 * fast.
 */
export interface InOrder<Item> {
  put: (index: number, item: Item) => void;
  /** Waits until it has come. @throws AbortError when the signal says that it never will */
  take: (index: number, signal: AbortSignal) => Promise<Item>;
  /** Waits while as many as may wait are there. @throws AbortError as `take` */
  whenRoom: (signal: AbortSignal) => Promise<void>;
}

/** For one taker at a time. */
export const createInOrder = <Item>(maxWaiting: number): InOrder<Item> => {
  const items = new Map<number, Item>();
  const changes = new EventEmitter();
  const until = async (isSo: () => boolean, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    while (!isSo()) await once(changes, 'change', { signal });
  };
  return {
    put: (index, item) => {
      items.set(index, item);
      changes.emit('change');
    },
    take: async (index, signal) => {
      await until(() => items.has(index), signal);
      const item = items.get(index);
      if (item === undefined) throw new Error(`number ${index} was taken twice`);
      items.delete(index);
      changes.emit('change');
      return item;
    },
    whenRoom: (signal) => until(() => items.size < maxWaiting, signal),
  };
};
