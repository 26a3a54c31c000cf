import { collectGarbage } from '../collect-garbage.ts';

/** A machine that stands still for a moment makes one turn long, but not three. */
const ATTEMPTS = 3;

/**
 * The longest time in which no other work of the process could run, as a share of the total time of
 * `work`. The work is done up to three times, until the share is below `limit`: code that blocks
 * other work does so each time. The garbage of earlier work is collected before each attempt.
 */
export const longestTurnShare = async (
  work: () => Promise<unknown>,
  limit: number,
): Promise<number> => {
  for (let attempt = 1; ; attempt++) {
    collectGarbage();
    const share = await measure(work);
    if (share < limit || attempt === ATTEMPTS) return share;
  }
};

const measure = async (work: () => Promise<unknown>): Promise<number> => {
  let longest = 0;
  const start = performance.now();
  let last = start;
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return longest / (performance.now() - start);
};
