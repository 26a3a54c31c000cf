import { Readable } from 'node:stream';
import { setImmediate as othersTurn } from 'node:timers/promises';

/** Read in one go, in bytes. */
const PIECE_BYTES = 32 * 1024;

const piecesOf = async function* (file: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of file as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield chunk.subarray(at, at + PIECE_BYTES);
      await othersTurn();
    }
  }
};

/**
 * The same bytes in pieces so small that who reads them leaves answers of the database waiting for
 * milliseconds only. In pieces as they come from the file, the first two statements of a chunk took 36 ms,
 * and 9 so.
 */
export const inSmallPieces = (file: Readable): Readable =>
  Readable.from(piecesOf(file), { objectMode: false });

/** Has the next item made while the one before is at work; no more than these two are there at once. */
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
