/** A range of numbers, including the last one. */
export interface Range {
  from: number;
  to: number;
}

/** The result of a range: `split` asks for its halves. */
export type Tried = 'done' | 'split';

/**
 * Works on a range as a whole. Where that fails, works on its halves, the first half first. So one
 * refused item costs a few more attempts, and does not block the others.
 *
 * @param work must not return `split` for a range of one number
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
