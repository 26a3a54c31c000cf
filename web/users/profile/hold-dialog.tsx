import { Button, Group } from '@mantine/core';
import { Dialog } from '../../page/dialog.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import type { UserAccess } from './use-user.ts';
import styles from './profile.module.css';

/** Asks before a user is put under legal hold: an admin cannot clear it. */
export const HoldDialog = ({
  access: { change, isSaving, error, isGone },
  onClose,
  onSet,
}: {
  access: UserAccess;
  onClose: () => void;
  onSet: () => void;
}) => (
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
      {error !== undefined && !isGone && <ProblemNotice error={error} takesFocus />}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" data-autofocus disabled={isSaving} onClick={onClose}>
          Cancel
        </Button>
        <Button
          loading={isSaving}
          onClick={() => {
            void change({ legalHold: true }).then((isSet) => {
              if (isSet) onSet();
            });
          }}
        >
          Set legal hold
        </Button>
      </Group>
    </div>
  </Dialog>
);
