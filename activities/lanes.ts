/**
 * Runs lanes side by side until each is done. The first failure is told to the others through their
 * signal, and thrown once all have stopped: none may go on with what its sisters have given up.
 *
 * @returns what each lane answers
 */
export const runLanes = async <Result>(
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<Result>[],
): Promise<Result[]> => {
  const broken = new AbortController();
  const lanes = start(AbortSignal.any([signal, broken.signal]));
  for (const lane of lanes) lane.catch((error: unknown) => broken.abort(error));
  await Promise.allSettled(lanes);
  if (broken.signal.aborted) throw broken.signal.reason;
  return Promise.all(lanes);
};
