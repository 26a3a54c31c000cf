import { type ReactNode, useEffect, useState } from 'react';

const DELAY_MS = 200;

/** What stands for a part that loads. It comes late, so that a quick answer does not flicker. */
export const Delayed = ({ children }: { children: ReactNode }) => {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), DELAY_MS);
    return () => clearTimeout(timer);
  }, []);
  return isLate ? children : null;
};
