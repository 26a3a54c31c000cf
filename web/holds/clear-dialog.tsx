import { Button } from '@mantine/core';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Dialog } from '../page/dialog.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import type { NamedUser } from './use-hold.ts';
import styles from './holds.module.css';

/** Asks before a legal hold is cleared, because a deletion may follow. */
export const ClearDialog = ({
  user: { userId },
  workspaceName,
  isPending,
  error,
  onClear,
  onClose,
}: {
  user: NamedUser;
  workspaceName: string;
  isPending: boolean;
  error: unknown;
  onClear: () => void;
  onClose: () => void;
}) => (
  <Dialog
    isOpen
    {...(!isPending && { onClose })}
    title="Clear the legal hold of this user?"
    width={480}
  >
    <div className={styles.form}>
      <p className={styles.words}>
        User <code>{userId}</code> in {workspaceName}. A deletion that starts afterwards can delete
        the user.
      </p>
      {error !== undefined && <ProblemNotice error={error} takesFocus />}
      <DialogButtons onCancel={isPending ? undefined : onClose}>
        <Button loading={isPending} onClick={onClear}>
          Clear legal hold
        </Button>
      </DialogButtons>
    </div>
  </Dialog>
);
