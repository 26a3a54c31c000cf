/**
 * Returns `late` if the work does not finish in time. After a process stood still, an answer that
 * has arrived meanwhile is read first.
 */
export const inTime = <T>(answer: Promise<T>, milliseconds: number, late: T): Promise<T> =>
  Promise.race([
    answer,
    new Promise<T>((resolve) => {
      setTimeout(() => setImmediate(resolve, late), milliseconds).unref();
    }),
  ]);

/** Shares one result between all callers until it is `maxAgeMs` old. */
export const askForAll = <T>(ask: () => Promise<T>, maxAgeMs: number): (() => Promise<T>) => {
  let asked: { at: number; answer: Promise<T> } | undefined;
  return () => {
    if (asked === undefined || performance.now() - asked.at > maxAgeMs) {
      asked = { at: performance.now(), answer: ask() };
    }
    return asked.answer;
  };
};
