import type { Problem } from '../api/problem.ts';
import type { components } from '../api/schema.d.ts';
import { useApi, useMe } from '../api/services.tsx';
import { type KeyedStart, useKeyedStart } from '../api/use-keyed-start.ts';
import { useLeadToJob } from '../jobs/use-lead-to-job.ts';

export type DeletionBody = components['schemas']['ConfirmedDeletion'];
type Job = components['schemas']['Job'];

export type DeletionStart = KeyedStart<DeletionBody, Job>;

const NEEDS_PREVIEW = new Set(['preview-expired', 'selection-changed', 'not-found']);

/** Whether a refusal asks for a new preview. */
export const needsPreview = ({ slug }: Problem): boolean => NEEDS_PREVIEW.has(slug);

/**
 * Starts a deletion once, and leads to its job. The same deletion that was confirmed before leads
 * to its job, too.
 *
 * @param onOutdated is called if the preview cannot be confirmed any more
 */
export const useDeletion = (onStarted: () => void, onOutdated: () => void): DeletionStart => {
  const { key } = useMe();
  const leadToJob = useLeadToJob();
  const { mutateAsync } = useApi().useMutation('post', '/v1/deletions', { networkMode: 'always' });
  const lead = (id: string): void => {
    onStarted();
    leadToJob(id);
  };
  return useKeyedStart<DeletionBody, Job>(
    `delete:${key.id}`,
    (body, idempotencyKey) =>
      mutateAsync({ body, params: { header: { 'Idempotency-Key': idempotencyKey } } }),
    (answer) => {
      if ('result' in answer) lead(answer.result.id);
      else if (isConfirmed(answer.problem)) lead(answer.problem.data.jobId);
      else if (needsPreview(answer.problem)) onOutdated();
    },
  );
};

/** Whether the preview was confirmed before: its job is known then. */
const isConfirmed = (problem: Problem): problem is Problem & { data: { jobId: string } } =>
  problem.slug === 'wrong-state' && typeof problem.data['jobId'] === 'string';
