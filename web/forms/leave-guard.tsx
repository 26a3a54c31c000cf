import { Button, Group } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { Dialog } from '../page/dialog.tsx';
import styles from './leave-guard.module.css';

/**
 * Asks before a page with unsaved changes is left. A navigation with `ignoreBlocker` passes.
 *
 * @param isUnsaved also asks before the tab is closed, in the words of the browser
 */
export const LeaveGuard = ({ isUnsaved }: { isUnsaved: boolean }) => {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: () => isUnsaved,
    enableBeforeUnload: () => isUnsaved,
    withResolver: true,
  });
  return (
    <Dialog
      isOpen={status === 'blocked'}
      onClose={() => reset?.()}
      title="Leave without saving?"
      width={440}
    >
      <div className={styles.dialog}>
        <p>Your changes on this page are not saved yet.</p>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" data-autofocus onClick={() => reset?.()}>
            Stay on this page
          </Button>
          <Button color="danger" onClick={() => proceed?.()}>
            Leave and lose changes
          </Button>
        </Group>
      </div>
    </Dialog>
  );
};
