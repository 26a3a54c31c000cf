/** Numbers of a range, the last one included. */
export interface Range {
  from: number;
  to: number;
}

/** What became of a range: `split` asks for its halves. */
export type Tried = 'done' | 'split';

/**
 * Works on a range as a whole, and on its halves, from first to last, where that is not possible.
 * So one item that is refused costs its neighbours a few tries, and keeps none of them out.
 *
 * @param work must deal with a range of one number: `split` is no answer to that
 */
export const byHalves = async (
  whole: Range,
  signal: AbortSignal,
  work: (range: Range) => Promise<Tried>,
): Promise<void> => {
  const ranges: Range[] = [whole];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const { from, to } = range;
    signal.throwIfAborted();
    if ((await work(range)) === 'done') continue;
    if (from >= to) throw new Error('a range of one cannot be split');
    const middle = Math.floor((from + to) / 2);
    ranges.push({ from: middle + 1, to }, { from, to: middle });
  }
};
