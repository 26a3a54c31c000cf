import { useRouter } from '@tanstack/react-router';
import type { operations } from '../api/schema.d.ts';
import { useApi, useMe } from '../api/services.tsx';
import { useForgetAtEnd } from '../api/unanswered.ts';
import { type KeyedStart, useKeyedStart } from '../api/use-keyed-start.ts';

type ExportBody = operations['startExport']['requestBody']['content']['application/json'];

/**
 * Starts an export once, and leads to its job. Closing the dialog abandons a request without an
 * answer. After a reload, the same choice has the same key, and another choice gets a new one.
 */
export const useStartExport = (): KeyedStart<ExportBody, { id: string }> => {
  const router = useRouter();
  const { key } = useMe();
  const { mutateAsync } = useApi().useMutation('post', '/v1/exports');
  const start = useKeyedStart<ExportBody, { id: string }>(
    `export:${key.id}`,
    (body, idempotencyKey, signal) =>
      mutateAsync({ body, params: { header: { 'Idempotency-Key': idempotencyKey } }, signal }),
    (answer) => {
      if ('result' in answer) router.history.push(`/jobs/${answer.result.id}`);
    },
  );
  useForgetAtEnd(start);
  return start;
};
