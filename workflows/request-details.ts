import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { RequestView } from './contracts/delete-all.ts';
import { PHASE_ATTRIBUTE, WINDOW_ATTRIBUTE } from './contracts/search-attributes.ts';

/** Facts that are shown beside the state. */
interface Remarks {
  refused?: string | undefined;
  /** How many messages were dropped because there were too many. */
  dropped?: number;
}

/**
 * Shows in Temporal's UI what the request waits for, and until when. It shows a state, ids and
 * times, and no personal data.
 */
export const showRequestDetails = (
  view: RequestView,
  { refused, dropped = 0 }: Remarks = {},
): void => {
  const closesAt = view.state === 'open' && view.closesAt !== null ? view.closesAt : null;
  upsertSearchAttributes([
    { key: PHASE_ATTRIBUTE, value: view.state },
    { key: WINDOW_ATTRIBUTE, value: closesAt === null ? null : new Date(closesAt) },
  ]);
  const remarks = [
    ...(refused === undefined ? [] : [`The last message was refused: ${refused}`]),
    ...(dropped === 0 ? [] : [`${dropped} messages were dropped: there were too many at once.`]),
  ];
  setCurrentDetails([`**${view.state}**: ${waitsFor(view)}`, ...remarks].join('\n\n'));
};

const waitsFor = ({ state, workspaceId, lapsesAt, closesAt, jobId }: RequestView): string => {
  switch (state) {
    case 'requested':
      return `waits until ${new Date(lapsesAt).toISOString()} for the platform team to approve or deny`;
    case 'open':
      return (
        `until ${new Date(closesAt ?? 0).toISOString()} an admin of workspace \`${workspaceId}\` may ` +
        'run it; the platform team may revoke it'
      );
    case 'running':
      return `deletion \`${jobId}\` is under way`;
    case 'completed':
    case 'completedWithFailures':
    case 'failed':
    case 'cancelled':
    case 'denied':
    case 'withdrawn':
    case 'lapsed':
    case 'expired':
    case 'revoked':
      return 'has ended';
  }
};
