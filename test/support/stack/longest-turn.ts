/**
 * The longest time in which nothing else came to its turn, as a share of the time that something
 * took.
 */
export const longestTurnShare = async (work: Promise<unknown>): Promise<number> => {
  let longest = 0;
  const start = performance.now();
  let last = start;
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  await work.catch(() => {});
  clearInterval(timer);
  return longest / (performance.now() - start);
};
