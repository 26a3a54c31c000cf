import type { MutateOptions, UseMutationResult } from '@tanstack/react-query';
import { useCallback } from 'react';
import type { Problem } from './problem.ts';
import { useShownSignal } from './shown-signal.ts';

type Change = UseMutationResult<unknown, Problem, Init>;
type Init = { signal?: AbortSignal | undefined };
type Options = MutateOptions<unknown, Problem, Init>;

/**
 * A change that ends with the part of the page that asks for it. Once the part is gone, nothing is
 * sent, not even by another sign-in. A change that is on its way is carried out, but its promise is
 * rejected: nothing that waits for it leads the person elsewhere.
 *
 * A request with a signal of its own ends by that instead.
 */
export const useEndingChange = <Result extends Change>(change: Result): Result => {
  const { mutate, mutateAsync } = change;
  const shown = useShownSignal();
  return {
    ...change,
    mutate: useCallback(
      (init: Init, options?: Options) => mutate({ signal: shown(), ...init }, options),
      [mutate, shown],
    ),
    mutateAsync: useCallback(
      async (init: Init, options?: Options) => {
        const mine = { signal: shown(), ...init };
        const answer = await mutateAsync(mine, options);
        if (init.signal === undefined) mine.signal?.throwIfAborted();
        return answer;
      },
      [mutateAsync, shown],
    ),
  };
};
