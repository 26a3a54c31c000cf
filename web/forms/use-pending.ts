import { useState } from 'react';

/** Whether the promise that is waited for is pending, and how to wait for one. */
export const usePending = (): [boolean, <Result>(answer: Promise<Result>) => Promise<Result>] => {
  const [isPending, setPending] = useState(false);
  return [
    isPending,
    async (answer) => {
      setPending(true);
      try {
        return await answer;
      } finally {
        setPending(false);
      }
    },
  ];
};
