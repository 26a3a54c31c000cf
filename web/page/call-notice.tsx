import { Button } from '@mantine/core';
import { useEffect, useRef } from 'react';
import type { Problem } from '../api/problem.ts';
import { type CallState, isPassing } from '../api/retried-call.ts';
import { callWordsOf, closeWordsOf, nextTryWordsOf } from './call-words.ts';
import { Notice } from './notice.tsx';
import { ProblemNotice } from './problem-notice.tsx';
import { useNow } from './use-now.ts';

const EVERY_MS = 500;

/** What a request waits for while the server is away, or why it was refused. */
export const CallNotice = ({
  state,
  isKeyed,
  isDroppedOnClose = false,
  onTryNow,
}: {
  state: CallState<unknown>;
  /** The request would start something, and has an idempotency key. */
  isKeyed: boolean;
  /** Closing gives the request up, which the notice says. */
  isDroppedOnClose?: boolean;
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
      {isDroppedOnClose && state.status !== 'sending' && <p>{closeWordsOf(problem)}</p>}
      <RequestId problem={problem} />
      {state.status !== 'sending' && (
        <div>
          <TryNow onClick={onTryNow} />
        </div>
      )}
    </Notice>
  );
};

/** The button that sent the request had the focus, and has lost it to the page behind a dialog. */
const TryNow = ({ onClick }: { onClick: () => void }) => {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // A button that was disabled just now still has it, for a frame.
    if (document.activeElement?.matches('body, :disabled')) button.current?.focus();
  }, []);
  return (
    <Button ref={button} variant="default" size="xs" onClick={onClick}>
      Try now
    </Button>
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
