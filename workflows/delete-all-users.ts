import type { DeleteAllInput, DeleteAllTimes, RequestNotice } from './contracts/delete-all.ts';
import { runRequest } from './run-request.ts';

const NO_REMINDERS: DeleteAllTimes = { remindAfterMs: Infinity, closingRemindersMs: [] };

/**
 * A request to delete every user of a workspace. It waits for the platform team's answer, keeps a
 * window open, and follows the runs that an admin starts in the window.
 *
 * The workflow decides nothing: the database decides from its own rows. So a signal that is sent
 * again, a replay or a reset changes no decision.
 */
export const deleteAllUsers = (input: DeleteAllInput) =>
  runRequest(input, async (request) => {
    for (;;) {
      const { state, askedAt, lapsesAt, closesAt, jobId, ...view } = request.view();
      const times = view.times ?? input.times ?? NO_REMINDERS;
      if (state === 'requested') {
        const reminder = { at: askedAt + times.remindAfterMs, notice: 'unanswered' as const };
        await request.listen([reminder], { at: lapsesAt, kind: 'lapse' });
      } else if (state === 'open' && closesAt !== null) {
        const reminders = times.closingRemindersMs.map((leftMs) => ({
          at: closesAt - leftMs,
          notice: `closing/${leftMs}` satisfies RequestNotice,
        }));
        await request.listen(reminders, { at: closesAt, kind: 'expire' });
      } else if (state === 'running' && jobId !== null) {
        await request.follow(jobId);
      } else if (request.isRetryable() && closesAt !== null) {
        await request.listen([], { at: closesAt });
      } else {
        return;
      }
    }
  });
