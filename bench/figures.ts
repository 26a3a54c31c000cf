/**
 * The middle value; of an even number of values the lower of the two. @throws Error when there is
 * none
 */
export const median = (values: readonly number[]): number => percentile(values, 50);

/**
 * The nearest-rank percentile: the smallest value such that at least `share` percent of all values
 * are not above it.
 */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(Math.ceil((share / 100) * sorted.length) - 1, 0)];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
};

export const formatSeconds = (seconds: number): string => `${seconds.toFixed(2)} s`;
export const formatMs = (milliseconds: number): string =>
  `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
export const formatMegabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
export const formatTimes = (ratio: number): string => `${ratio.toFixed(2)} ×`;
