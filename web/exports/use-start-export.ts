import { useRouter } from '@tanstack/react-router';
import { useRef } from 'react';
import type { operations } from '../api/schema.d.ts';
import { useApi, useMe } from '../api/services.tsx';
import { isUnanswered, useForgetAtEnd } from '../api/unanswered.ts';
import { type KeyedStart, useKeyedStart } from '../api/use-keyed-start.ts';

type ExportBody = operations['startExport']['requestBody']['content']['application/json'];

export interface ExportStart extends Pick<KeyedStart<null, { id: string }>, 'state' | 'tryNow'> {
  call: (body: ExportBody) => void;
  /** A request of before a reload was never answered. */
  hasEarlier: boolean;
}

/**
 * Starts an export once, and leads to its job. Closing the dialog abandons a request without an
 * answer. After a reload, the same choice has the same key, and another choice gets a new one.
 */
export const useStartExport = (): ExportStart => {
  const router = useRouter();
  const { key } = useMe();
  const { mutateAsync } = useApi().useMutation('post', '/v1/exports');
  // Not the input of the start, which is stored: a search or a filter may name a user.
  const chosen = useRef<ExportBody>(undefined);
  const start = useKeyedStart<null, { id: string }>(
    `export:${key.id}`,
    (_none, idempotencyKey, signal) => {
      if (chosen.current === undefined) throw new Error('no export was chosen');
      const header = { 'Idempotency-Key': idempotencyKey };
      return mutateAsync({ body: chosen.current, params: { header }, signal });
    },
    (answer) => {
      if ('result' in answer) router.history.push(`/jobs/${answer.result.id}`);
    },
  );
  useForgetAtEnd(start);
  const { state, tryNow } = start;
  return {
    state,
    tryNow,
    hasEarlier: start.earlier !== undefined,
    call: (body) => {
      if (isUnanswered(state)) return;
      chosen.current = body;
      start.call(null);
    },
  };
};
