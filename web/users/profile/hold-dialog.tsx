import { Button } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { DialogButtons } from '../../page/dialog-buttons.tsx';
import { Dialog } from '../../page/dialog.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import { useUserChange } from './use-user-change.ts';
import styles from './profile.module.css';

/**
 * Asks before a user is put under legal hold: an admin cannot clear it.
 *
 * @param onHeld is called once the user is under hold, set here or by somebody else
 */
export const HoldDialog = ({
  userId,
  isHeld,
  onClose,
  onHeld,
}: {
  userId: string;
  isHeld: boolean;
  onClose: () => void;
  onHeld: () => void;
}) => {
  const { change, isSaving, error } = useUserChange(userId);
  const latest = useRef(onHeld);
  useEffect(() => {
    latest.current = onHeld;
  });
  useEffect(() => {
    if (isHeld) latest.current();
  }, [isHeld]);
  return (
    <Dialog
      isOpen
      {...(!isSaving && { onClose })}
      title="Put this user under legal hold?"
      width={480}
    >
      <div className={styles.dialog}>
        <p>
          No deletion deletes a user under hold; it reports the user as held. Only the platform team
          can clear a hold.
        </p>
        {error !== undefined && <ProblemNotice error={error} takesFocus />}
        <DialogButtons onCancel={isSaving ? undefined : onClose}>
          <Button loading={isSaving} onClick={() => void change({ legalHold: true })}>
            Set legal hold
          </Button>
        </DialogButtons>
      </div>
    </Dialog>
  );
};
