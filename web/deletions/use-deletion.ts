import { useRouter } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import type { Problem } from '../api/problem.ts';
import type { components } from '../api/schema.d.ts';
import { useApi, useMe } from '../api/services.tsx';
import { useForgetAtEnd } from '../api/unanswered.ts';
import { type KeyedStart, useKeyedStart } from '../api/use-keyed-start.ts';
import { useLeadToJob } from '../jobs/use-lead-to-job.ts';

export type DeletionBody = components['schemas']['ConfirmedDeletion'];
type Job = components['schemas']['Job'];

export interface DeletionStart extends KeyedStart<DeletionBody, Job> {
  /** An earlier deletion that the server has refused, until the person goes on. */
  refused: { earlier: DeletionBody; problem: Problem } | undefined;
  /** Closes the dialog, and gives up a request without an answer, or an earlier one. */
  close: () => void;
}

const NEEDS_PREVIEW = new Set(['preview-expired', 'selection-changed', 'not-found']);

/** Whether a refusal asks for a new preview. */
export const needsPreview = ({ slug }: Problem): boolean => NEEDS_PREVIEW.has(slug);

/**
 * Starts a deletion once, and leads to its job. The same deletion that was confirmed before leads
 * to its job, too. A request without an answer is given up when the dialog is closed: it outlives
 * only a reload of the page, and another sign-in.
 *
 * @param onUsed the users of this dialog are being deleted; an earlier deletion is of others
 * @param onClose is called where the address does not close the dialog
 * @param onOutdated is called if the preview cannot be confirmed any more
 */
export const useDeletion = ({
  onUsed,
  onClose,
  onOutdated,
}: {
  onUsed: () => void;
  onClose: () => void;
  onOutdated: () => void;
}): DeletionStart => {
  const { key } = useMe();
  const leadToJob = useLeadFromDialog(onClose);
  const { mutateAsync } = useApi().useMutation('post', '/v1/deletions');
  const [refused, setRefused] = useState<DeletionStart['refused']>();
  const lead = (id: string, isEarlier: boolean): void => {
    if (!isEarlier) onUsed();
    leadToJob(id);
  };
  const start = useKeyedStart<DeletionBody, Job>(
    `delete:${key.id}`,
    (body, idempotencyKey, signal) =>
      mutateAsync({ body, params: { header: { 'Idempotency-Key': idempotencyKey } }, signal }),
    (answer, earlier) => {
      const isEarlier = earlier !== undefined;
      if ('result' in answer) lead(answer.result.id, isEarlier);
      else if (isConfirmed(answer.problem)) lead(answer.problem.data.jobId, isEarlier);
      else if (isEarlier) setRefused({ earlier, problem: answer.problem });
      else if (needsPreview(answer.problem)) onOutdated();
    },
  );
  // An earlier request, which this dialog has not sent, is given up only where it is closed.
  const isClosed = useRef(false);
  useForgetAtEnd({
    forget: () => {
      if (isClosed.current || start.state.status !== 'idle') start.forget();
    },
  });
  const forget = (): void => {
    setRefused(undefined);
    start.forget();
  };
  const close = (): void => {
    isClosed.current = true;
    onClose();
  };
  return { ...start, forget, refused, close };
};

/** Whether the preview was confirmed before: its job is known then. */
const isConfirmed = (problem: Problem): problem is Problem & { data: { jobId: string } } =>
  problem.slug === 'wrong-state' && typeof problem.data['jobId'] === 'string';

/**
 * Leads to the page of a job. Where the dialog is in the address, the job replaces it in the
 * history: Back leads to the page before the dialog.
 */
const useLeadFromDialog = (onClose: () => void): ((id: string) => void) => {
  const router = useRouter();
  const leadToJob = useLeadToJob();
  return (id) => {
    const isInAddress = 'do' in router.state.location.search;
    if (!isInAddress) onClose();
    leadToJob(id, isInAddress);
  };
};
