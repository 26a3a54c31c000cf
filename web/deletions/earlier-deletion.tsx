import { Button } from '@mantine/core';
import { formatTime } from '../format/timestamps.ts';
import { countOf } from '../format/numbers.ts';
import { CallNotice } from '../page/call-notice.tsx';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Notice } from '../page/notice.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { NearlyEveryone } from './refusals.tsx';
import { type DeletionStart, needsPreview } from './use-deletion.ts';
import styles from './delete-dialog.module.css';

/**
 * A deletion that was confirmed before the page was loaded again, and got no answer. The same
 * request with the same key leads to its job, or starts it: it cannot start twice. It never becomes
 * a deletion of the users that are selected now.
 */
export const EarlierDeletion = ({ start }: { start: DeletionStart }) => {
  const { earlier, earlierSentAt, state, call, tryNow, forget } = start;
  if (earlier === undefined) return null;
  const { count } = earlier.confirm;
  const isSending = state.status === 'sending';
  const send = () => (state.status === 'idle' ? call(earlier) : tryNow());
  return (
    <div className={styles.dialog}>
      <Notice tone="warn">
        <p>
          <strong>
            This is an earlier deletion of {countOf(count, 'user')}. It may be about other users
            than those that you chose now.
          </strong>{' '}
          You confirmed it{earlierSentAt && ` on ${formatTime(new Date(earlierSentAt))}`}, and no
          answer came. It may have started.
        </p>
        <p>
          If you delete those users, the same request is sent again. It has the same key, so it
          cannot start twice. If you forget it, it is not sent again.
        </p>
        <p>Reason: {earlier.reason}</p>
      </Notice>
      <CallNotice state={state} isKeyed isDroppedOnClose onTryNow={tryNow} />
      <DialogButtons cancel="Forget it" onCancel={isSending ? undefined : forget}>
        <Button color="danger" loading={isSending} onClick={send}>
          {count === 1 ? 'Delete that user' : `Delete those ${countOf(count, 'user')}`}
        </Button>
      </DialogButtons>
    </div>
  );
};

/** The server did not start the earlier deletion. The person goes on to the present users. */
export const RefusedEarlier = ({
  refused: { earlier, problem },
  onGoOn,
}: {
  refused: NonNullable<DeletionStart['refused']>;
  onGoOn: () => void;
}) => (
  <div className={styles.dialog}>
    <Notice tone="info" role="alert">
      The earlier deletion of {countOf(earlier.confirm.count, 'user')} was not started
      {needsPreview(problem) ? ': its preview was no longer valid.' : '.'}
    </Notice>
    {problem.slug === 'delete-all-required' ? (
      <NearlyEveryone problem={problem} />
    ) : (
      !needsPreview(problem) && <ProblemNotice error={problem} />
    )}
    <DialogButtons cancel="Go on to the users chosen now" onCancel={onGoOn} />
  </div>
);
