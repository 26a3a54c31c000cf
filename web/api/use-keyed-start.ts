import { useState } from 'react';
import { openIdempotencyKey } from './idempotency-key.ts';
import { type Answer, type UsedCall, useRetriedCall } from './use-retried-call.ts';

export interface KeyedStart<Body, Result> extends UsedCall<Body, Result> {
  /** A request of before a reload that was never answered: it may have started something. */
  earlier: Body | undefined;
  /** Gives the earlier request up. */
  forget: () => void;
  /** The key that the next request has. */
  key: string;
}

/**
 * Starts something at most once. The request has an idempotency key, which stays the same until the
 * request is answered: through retries, a reload of the page and another sign-in. The body is kept
 * as long, because a key belongs to one body.
 *
 * @param purpose one for each kind of dialog and person; the dialogs of a tab share it
 */
export const useKeyedStart = <Body, Result>(
  purpose: string,
  send: (body: Body, key: string) => Promise<Result>,
  onAnswer: (answer: Answer<Result>) => void,
): KeyedStart<Body, Result> => {
  const sent = `keepsake-sent:${purpose}`;
  const [key, setKey] = useState(() => openIdempotencyKey(purpose, sessionStorage));
  const [earlier, setEarlier] = useState(() => readBody(sent) as Body | undefined);
  const forget = (): void => {
    key.end();
    sessionStorage.removeItem(sent);
    setEarlier(undefined);
    setKey(openIdempotencyKey(purpose, sessionStorage));
  };
  const call = useRetriedCall(
    (body: Body) => {
      sessionStorage.setItem(sent, JSON.stringify(body));
      return send(body, key.value);
    },
    (answer) => {
      forget();
      onAnswer(answer);
    },
  );
  return { ...call, earlier, forget, key: key.value };
};

const readBody = (name: string): unknown => {
  const text = sessionStorage.getItem(name);
  return text === null ? undefined : JSON.parse(text);
};
