import type { DeleteAllInput, RequestNotice } from './contract.ts';
import { tellRequest } from './tell-request.ts';

/**
 * A request to delete every user of a workspace: waits for the platform team's answer, then holds a
 * window open, and follows the runs that an admin starts in it.
 *
 * Where a message or the clock leads is not decided here: the database does, by what stands in it.
 * So whatever is sent, replayed or reset, this story can only tell what was decided.
 */
export const deleteAllUsers = (input: DeleteAllInput) =>
  tellRequest(input, async (request) => {
    const { times } = input;
    for (;;) {
      const { state, askedAt, lapsesAt, closesAt, jobId } = request.view();
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
