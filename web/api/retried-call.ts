import { type Problem, problemOf } from './problem.ts';
import { mayRetry, retryDelayMs } from './retry.ts';

/** A request that is sent again by itself while the server is away. */
export type CallState<Result> =
  | { status: 'idle' }
  /** `problem`: why it was sent before without an answer. */
  | { status: 'sending'; problem?: Problem }
  | { status: 'waiting'; problem: Problem; untilMs: number }
  /** Refused, or tried often enough. */
  | { status: 'failed'; problem: Problem }
  | { status: 'done'; result: Result };

export interface CallDeps<Input, Result> {
  /**
   * May be called several times: it only reads, or has an idempotency key. The signal is aborted
   * once nothing may be sent any more.
   */
  send: (input: Input, signal: AbortSignal) => Promise<Result>;
  /** Called after an answer, a success or a refusal, and not while the server is away. */
  onAnswer: (answer: { result: Result } | { problem: Problem }) => void;
  onChange: (state: CallState<Result>) => void;
}

export interface RetriedCall<Input> {
  /** Sends a request; does nothing while one is sent, or has no answer yet. */
  call: (input: Input) => void;
  /** Sends the request that has no answer yet again, without waiting. */
  tryNow: () => void;
  /** Gives the request up: it is not sent again, and its answer is not taken. */
  drop: () => void;
  /** Sends nothing any more. A request that is on its way is still answered. */
  stop: () => void;
}

export const createRetriedCall = <Input, Result>({
  send,
  onAnswer,
  onChange,
}: CallDeps<Input, Result>): RetriedCall<Input> => {
  let open: { input: Input; end: AbortController; retries: number; problem?: Problem } | undefined;
  let isSending = false;
  let isStopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const attempt = async (): Promise<void> => {
    if (open === undefined || isSending || isStopped) return;
    const mine = open;
    const { input, end, retries, problem } = mine;
    clearTimeout(timer);
    isSending = true;
    onChange({ status: 'sending', ...(problem && { problem }) });
    const next = await stateAfter(send(input, end.signal), retries);
    if (open !== mine) return;
    isSending = false;
    if (isAnswer(next)) {
      open = undefined;
      onAnswer(next.status === 'done' ? { result: next.result } : { problem: next.problem });
    } else {
      open = { input, end, retries: retries + 1, problem: next.problem };
    }
    if (next.status === 'waiting' && !isStopped) {
      timer = setTimeout(() => void attempt(), next.untilMs - Date.now());
    }
    onChange(next);
  };
  return {
    call: (input) => {
      if (open !== undefined) return;
      open = { input, end: new AbortController(), retries: 0 };
      isStopped = false;
      void attempt();
    },
    tryNow: () => void attempt(),
    drop: () => {
      open?.end.abort();
      open = undefined;
      isSending = false;
      clearTimeout(timer);
      onChange({ status: 'idle' });
    },
    stop: () => {
      isStopped = true;
      open?.end.abort();
      clearTimeout(timer);
    },
  };
};

/** Whether a problem ends without a change of the request: the request has no answer yet. */
export const isPassing = (problem: Problem): boolean =>
  problem.slug === 'internal' || mayRetry(problem, 0, true);

type Next<Result> =
  | { status: 'done'; result: Result }
  | { status: 'failed'; problem: Problem }
  | { status: 'waiting'; problem: Problem; untilMs: number };

type Answer<Result> = Extract<Next<Result>, { status: 'done' | 'failed' }>;

const isAnswer = <Result>(next: Next<Result>): next is Answer<Result> =>
  next.status === 'done' || (next.status === 'failed' && !isPassing(next.problem));

const stateAfter = async <Result>(
  sent: Promise<Result>,
  retries: number,
): Promise<Next<Result>> => {
  try {
    return { status: 'done', result: await sent };
  } catch (error) {
    const problem = problemOf(error);
    if (!mayRetry(problem, retries, true)) return { status: 'failed', problem };
    return { status: 'waiting', problem, untilMs: Date.now() + retryDelayMs(problem) };
  }
};
