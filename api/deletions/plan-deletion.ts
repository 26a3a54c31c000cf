import { uuidv7 } from 'uuidv7';
import type { Db } from '../../db/client.ts';
import { refuseDeletionOf } from '../../db/deletions/nearly-everyone.ts';
import { usersOfPreview } from '../../db/users/user-lists.ts';
import {
  isUnreadableSelection,
  type PreviewedSelection,
  readPreviewedSelection,
} from '../../selection/frozen-selection.ts';
import { problem } from '../http/problems.ts';
import type { PlannedJob } from '../jobs/begin-job.ts';
import { getConfirmedPreview } from './confirmed-preview.ts';

interface DeletionInput {
  reason: string;
  notify: boolean;
}

/**
 * A deletion of users by their ids, without a preview.
 *
 * @throws DatabaseError KS008 if they are nearly all users
 */
export const planDeletionOfIds = async (
  db: Db,
  workspaceId: string,
  { ids, reason, notify }: DeletionInput & { ids: readonly string[] },
): Promise<PlannedJob> => {
  const targetIds = [...new Set(ids)];
  await refuseDeletionOf(db, workspaceId, targetIds);
  return {
    id: uuidv7(),
    type: 'deletion',
    selection: { type: 'ids', count: targetIds.length },
    options: { notify },
    reason,
    targetIds,
  };
};

/**
 * A deletion of the users of a preview, confirmed by its count. @throws ProblemError if refused
 */
export const planConfirmedDeletion = async (
  db: Db,
  workspaceId: string,
  { previewId, count, reason, notify }: DeletionInput & { previewId: string; count: number },
): Promise<PlannedJob> => {
  const preview = await getConfirmedPreview(db, { workspaceId, previewId, count });
  const selection = readPreviewed(previewId, preview.selection);
  const common = {
    id: uuidv7(),
    type: 'deletion' as const,
    options: { notify },
    reason,
    previewId,
  };
  if ('ids' in selection) {
    const { ids } = selection;
    return { ...common, selection: { type: 'ids', count: ids.length }, targetIds: ids };
  }
  if (selection.type !== 'list') return { ...common, selection };
  const { listId } = selection;
  const targetsOf = { listId, users: usersOfPreview(previewId), confirmed: count };
  return { ...common, selection, targetsOf };
};

/** @throws ProblemError if the stored selection is not complete: a job would not be its users */
const readPreviewed = (previewId: string, stored: unknown): PreviewedSelection => {
  try {
    return readPreviewedSelection(stored);
  } catch (cause) {
    if (!isUnreadableSelection(cause)) throw cause;
    throw problem(
      'preview-expired',
      `The stored selection of preview ${previewId} cannot be read. Make a new preview.`,
      { cause },
    );
  }
};
