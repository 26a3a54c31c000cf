/** Returns `late` if the work does not finish in time. */
export const inTime = <T>(answer: Promise<T>, milliseconds: number, late: T): Promise<T> =>
  Promise.race([
    answer,
    new Promise<T>((resolve) => {
      setTimeout(() => resolve(late), milliseconds).unref();
    }),
  ]);

/** Asks once for all who want to know before the answer is as old as that, in milliseconds. */
export const askForAll = <T>(ask: () => Promise<T>, maxAgeMs: number): (() => Promise<T>) => {
  let asked: { at: number; answer: Promise<T> } | undefined;
  return () => {
    if (asked === undefined || performance.now() - asked.at > maxAgeMs) {
      asked = { at: performance.now(), answer: ask() };
    }
    return asked.answer;
  };
};
