/**
 * Has the next item made while the one before is at work; no more than these two are there at once.
 */
export const readAhead = async function* <Item>(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
  let next = items.next();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      next = items.next();
      // It is thrown once its turn comes; nobody may be there to see it before.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await items.return(undefined);
  }
};
