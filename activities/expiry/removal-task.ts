/** Rows read by one query. */
export const PAGE_SIZE = 100;

/**
 * Removes things of one kind. `list` returns the next page after the given item. `deal` removes one
 * item and returns whether it did.
 */
export interface RemovalTask<Item> {
  list: (limit: number, after: Item | undefined) => Promise<Item[]>;
  deal: (item: Item) => Promise<boolean>;
}

/**
 * Handles each item once. A failure is added to `problems` and does not stop the others.
 *
 * @returns how many items were removed
 */
export const runRemovalTask = async <Item>(
  { list, deal }: RemovalTask<Item>,
  signal: AbortSignal,
  problems: unknown[],
): Promise<number> => {
  let done = 0;
  let last: Item | undefined;
  do {
    const items = await list(PAGE_SIZE, last);
    for (const item of items) {
      signal.throwIfAborted();
      try {
        if (await deal(item)) done += 1;
      } catch (error) {
        problems.push(error);
      }
    }
    last = items.length < PAGE_SIZE ? undefined : items.at(-1);
  } while (last !== undefined);
  return done;
};
