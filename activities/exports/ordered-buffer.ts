import { EventEmitter, once } from 'node:events';

/**
 * A bounded buffer. Items may arrive in any order and are taken by index. Producers wait in
 * `whenRoom` while the buffer is full.
 */
export interface OrderedBuffer<Item> {
  put: (index: number, item: Item) => void;
  /** Waits for an item. @throws AbortError when the signal is aborted */
  take: (index: number, signal: AbortSignal) => Promise<Item>;
  /** Waits while the buffer is full. @throws AbortError when the signal is aborted */
  whenRoom: (signal: AbortSignal) => Promise<void>;
}

/** Supports one consumer at a time. */
export const createOrderedBuffer = <Item>(maxWaiting: number): OrderedBuffer<Item> => {
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
