import { Button } from '@mantine/core';
import type { Problem } from '../api/problem.ts';
import { type CallState, isPassing } from '../api/retried-call.ts';
import { callWordsOf, nextTryWordsOf } from './call-words.ts';
import { Notice } from './notice.tsx';
import { ProblemNotice } from './problem-notice.tsx';
import { useNow } from './use-now.ts';

const EVERY_MS = 500;

/** What a request waits for while the server is away, or why it was refused. */
export const CallNotice = ({
  state,
  isKeyed,
  onTryNow,
}: {
  state: CallState<unknown>;
  /** The request would start something, and has an idempotency key. */
  isKeyed: boolean;
  onTryNow: () => void;
}) => {
  if (!('problem' in state) || state.problem === undefined) return null;
  const { problem } = state;
  if (state.status === 'failed' && !isPassing(problem)) {
    return <ProblemNotice error={problem} takesFocus />;
  }
  return (
    <Notice tone="warn" role="status">
      <p>
        <strong>{callWordsOf(problem, isKeyed)}</strong>{' '}
        {state.status === 'waiting' && <NextTry untilMs={state.untilMs} isKeyed={isKeyed} />}
        {state.status === 'sending' && nextTryWordsOf(undefined, isKeyed)}
      </p>
      <RequestId problem={problem} />
      {state.status !== 'sending' && (
        <div>
          <Button variant="default" size="xs" onClick={onTryNow}>
            Try now
          </Button>
        </div>
      )}
    </Notice>
  );
};

const NextTry = ({ untilMs, isKeyed }: { untilMs: number; isKeyed: boolean }) => {
  const now = useNow(EVERY_MS);
  const seconds = Math.max(0, Math.ceil((untilMs - now) / 1_000));
  // Not read aloud with each second.
  return <span aria-live="off">{nextTryWordsOf(seconds, isKeyed)}</span>;
};

const RequestId = ({ problem: { requestId } }: { problem: Problem }) =>
  requestId === undefined ? null : (
    <p>
      Request <code>{requestId}</code>
    </p>
  );
