/**
 * The longest time in which no other work of the process could run, as a share of the total time of
 * `work`.
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
