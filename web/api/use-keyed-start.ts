import { useState } from 'react';
import { problemOf } from './problem.ts';
import { openIdempotencyKey } from './idempotency-key.ts';
import { type SentRequest, sentRequests } from './sent-request.ts';
import { type Answer, type UsedCall, useRetriedCall } from './use-retried-call.ts';

export interface KeyedStart<Body, Result> extends Omit<UsedCall<Body, Result>, 'drop'> {
  /** A request of before a reload that was never answered: it may have started something. */
  earlier: Body | undefined;
  /** When the earlier request was first sent. */
  earlierSentAt: string | undefined;
  /** Gives the request up, an earlier one too: it is neither sent again nor offered. */
  forget: () => void;
  /** The key that the next request has. */
  key: string;
}

/**
 * Starts something at most once, until it is forgotten. The request has an idempotency key, which
 * stays the same until the request is answered: through retries, a reload of the page and another
 * sign-in. The body is kept as long, because a key belongs to one body.
 *
 * @param purpose one for each kind of dialog and person; the dialogs of a tab share it
 * @param onAnswer gets the earlier request, too, if it was that one
 */
export const useKeyedStart = <Body, Result>(
  purpose: string,
  send: (body: Body, key: string, signal: AbortSignal) => Promise<Result>,
  onAnswer: (answer: Answer<Result>, earlier: Body | undefined) => void,
): KeyedStart<Body, Result> => {
  const [sent] = useState(() => sentRequests<Body>(purpose, sessionStorage));
  const [key, setKey] = useState(() => openIdempotencyKey(purpose, sessionStorage));
  const [earlier, setEarlier] = useState<SentRequest<Body> | undefined>(sent.read);
  const renewKey = (): string => {
    key.end();
    const next = openIdempotencyKey(purpose, sessionStorage);
    setKey(next);
    return next.value;
  };
  const end = (): void => {
    renewKey();
    sent.remove();
    setEarlier(undefined);
  };
  const { drop, call, ...sending } = useRetriedCall(
    async (body: Body, signal) => {
      sent.keep(body, new Date());
      try {
        return await send(body, key.value, signal);
      } catch (error) {
        if (problemOf(error).slug !== 'idempotency-key-reused') throw error;
        // A copy of this tab used the key for another request, so nothing was started by this one.
        return send(body, renewKey(), signal);
      }
    },
    (answer) => {
      end();
      onAnswer(answer, earlier?.body);
    },
  );
  const forget = (): void => {
    drop();
    end();
  };
  return {
    ...sending,
    // After a success the part leads to what has started. A click until then is one too many.
    call: (body) => {
      if (sending.state.status !== 'done') call(body);
    },
    earlier: earlier?.body,
    earlierSentAt: earlier?.sentAt,
    forget,
    key: key.value,
  };
};
