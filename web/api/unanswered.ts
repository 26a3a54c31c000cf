import { useEffect, useRef } from 'react';
import { type CallState, isPassing } from './retried-call.ts';

/** Whether a request may still start something: then its fields cannot be changed. */
export const isUnanswered = (state: CallState<unknown>): boolean =>
  state.status === 'sending' ||
  state.status === 'waiting' ||
  (state.status === 'failed' && isPassing(state.problem));

/** Whether a request is on its way, or has started something that the page is about to lead to. */
export const isLeading = ({ status }: CallState<unknown>): boolean =>
  status === 'sending' || status === 'done';

/**
 * Abandons a request without an answer once its dialog is no longer shown, however it is closed.
 * Only a reload of the page keeps the request. Until then it stays: a key that closes the dialog
 * would otherwise reach the page behind it.
 */
export const useForgetAtEnd = (start: { forget: () => void }): void => {
  const latest = useRef(start);
  useEffect(() => {
    latest.current = start;
  });
  useEffect(() => () => latest.current.forget(), []);
};
