import type { Db } from '../../db/client.ts';
import { findPreview } from '../../db/deletions/previews.ts';
import { findJobOfPreview } from '../../db/jobs/jobs.ts';
import { notFound, problem, type ProblemData, type ProblemError } from '../http/problems.ts';

/** A person's confirmation of a preview. */
export interface Confirmation {
  workspaceId: string;
  previewId: string;
  /** The delete-all request that the preview must be for, if any. */
  requestId?: string;
  /** The number of users that the person confirms. */
  count: number;
}

/** The problem of a preview that has a job; `data` names the job. */
export const previewUsed = (data: ProblemData | undefined): ProblemError =>
  problem('wrong-state', 'This preview was already confirmed. Make a new preview.', { data });

/**
 * The confirmed preview. @throws ProblemError if it does not exist, was already confirmed, has
 * expired, showed another number of users, or has none
 */
export const getConfirmedPreview = async (
  db: Db,
  { workspaceId, previewId, requestId, count }: Confirmation,
) => {
  const preview = await findPreview(db, previewId, workspaceId, requestId);
  if (preview === undefined) throw notFound('preview');
  // First: a caller that lost the answer to its confirmation must learn of its job.
  const job = await findJobOfPreview(db, workspaceId, previewId);
  if (job !== undefined) {
    throw previewUsed({ jobId: job.id, ...(requestId !== undefined && { requestId }) });
  }
  if (preview.is_expired) {
    throw problem('preview-expired', `Preview ${previewId} has expired. Make a new preview.`);
  }
  if (preview.count !== count) {
    throw problem(
      'selection-changed',
      `The preview showed ${preview.count} users, but ${count} were confirmed.`,
      { data: { confirmed: count, found: preview.count } },
    );
  }
  if (count === 0) throw problem('empty-selection', `Preview ${previewId} has no users to delete.`);
  return preview;
};
