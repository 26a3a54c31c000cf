import { Button } from '@mantine/core';
import { countOf } from '../format/numbers.ts';
import { CallNotice } from '../page/call-notice.tsx';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Notice } from '../page/notice.tsx';
import type { DeletionStart } from './use-deletion.ts';
import styles from './delete-dialog.module.css';

/**
 * A deletion that was confirmed before the page was loaded again, and got no answer. The same
 * request with the same key leads to its job, or starts it: it cannot start twice.
 */
export const EarlierDeletion = ({
  start,
  onClose,
}: {
  start: DeletionStart;
  onClose: (() => void) | undefined;
}) => {
  const { earlier, state, call, tryNow, forget } = start;
  if (earlier === undefined) return null;
  const send = () => (state.status === 'idle' ? call(earlier) : tryNow());
  return (
    <div className={styles.dialog}>
      <Notice tone="warn">
        <p>
          <strong>
            You confirmed a deletion of {countOf(earlier.confirm.count, 'user')}, and no answer
            came.
          </strong>{' '}
          It may have started. Send it again to find out: it has the same key, so it cannot start
          twice.
        </p>
        <p>Reason: {earlier.reason}</p>
      </Notice>
      <CallNotice state={state} isKeyed onTryNow={tryNow} />
      <DialogButtons onCancel={onClose}>
        <Button variant="default" disabled={state.status === 'sending'} onClick={forget}>
          Forget it
        </Button>
        <Button color="danger" loading={state.status === 'sending'} onClick={send}>
          Send it again
        </Button>
      </DialogButtons>
    </div>
  );
};
