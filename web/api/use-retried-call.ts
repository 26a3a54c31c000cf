import { useCallback, useEffect, useRef, useState } from 'react';
import type { Problem } from './problem.ts';
import { type CallState, createRetriedCall, type RetriedCall } from './retried-call.ts';

/** How a request was answered: with a success, or with a refusal. */
export type Answer<Result> = { result: Result } | { problem: Problem };

export interface UsedCall<Input, Result> extends Omit<RetriedCall<Input>, 'stop'> {
  state: CallState<Result>;
}

/**
 * A request that is sent again by itself while the server is away, for as long as the part is
 * shown. `call`, `tryNow` and `drop` stay the same between renders.
 *
 * @param send may be called several times: it only reads, or has an idempotency key. It hands the
 *   signal to the request, which then does not outlive the part by waiting for another sign-in
 * @param onAnswer is called after a success or a refusal, and not while the server is away
 */
export const useRetriedCall = <Input, Result>(
  send: (input: Input, signal: AbortSignal) => Promise<Result>,
  onAnswer: (answer: Answer<Result>) => void = () => {},
): UsedCall<Input, Result> => {
  const [state, setState] = useState<CallState<Result>>({ status: 'idle' });
  const latest = useRef({ send, onAnswer });
  useEffect(() => {
    latest.current = { send, onAnswer };
  });
  const machine = useRef<RetriedCall<Input>>(undefined);
  useEffect(() => () => machine.current?.stop(), []);
  const open = useCallback(
    () =>
      (machine.current ??= createRetriedCall<Input, Result>({
        send: (input, signal) => latest.current.send(input, signal),
        onAnswer: (answer) => latest.current.onAnswer(answer),
        onChange: setState,
      })),
    [],
  );
  return {
    state,
    call: useCallback((input) => open().call(input), [open]),
    tryNow: useCallback(() => open().tryNow(), [open]),
    drop: useCallback(() => open().drop(), [open]),
  };
};
