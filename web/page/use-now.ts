import { useEffect, useState } from 'react';

/**
 * The present time, in milliseconds, as it goes on.
 *
 * @param isRunning whether it still matters; the last time stays otherwise
 */
export const useNow = (everyMs: number, isRunning = true): number => {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, isRunning]);
  return now;
};
