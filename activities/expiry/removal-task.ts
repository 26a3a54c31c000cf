/** Rows looked at by one query. */
export const PAGE_SIZE = 100;

/**
 * Removes things of one kind: `list` gives a page of them after the one given; `deal` removes one,
 * and answers whether it did.
 */
export interface RemovalTask<Item> {
  list: (limit: number, after: Item | undefined) => Promise<Item[]>;
  deal: (item: Item) => Promise<boolean>;
}

/** Deals with each item once. One that cannot be dealt with keeps no other waiting. */
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
