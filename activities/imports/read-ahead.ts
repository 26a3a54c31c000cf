/**
 * Produces the next item while the consumer works on the one before. At most two items exist at
 * once.
 */
export const readAhead = async function* <Item>(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
  let next = items.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      next = items.next();
      // The error is thrown when the item's turn comes. Until then it must not count as unhandled.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await items.return(undefined);
  }
};
