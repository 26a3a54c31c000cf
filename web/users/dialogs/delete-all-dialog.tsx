import { Button, Group, Skeleton } from '@mantine/core';
import { Timestamp } from '../../format/timestamp.tsx';
import { Delayed } from '../../page/delayed.tsx';
import { Dialog } from '../../page/dialog.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import type { DeleteAllState } from '../delete-all-state.ts';
import { useDeleteAllState } from '../use-delete-all-state.ts';
import styles from '../users-page.module.css';

/** Why all users cannot be deleted by one person, and how it is asked for. */
export const DeleteAllDialog = ({ onClose }: { onClose: () => void }) => {
  const { state, error, reload } = useDeleteAllState();
  return (
    <Dialog isOpen onClose={onClose} title="Delete all users" width={480}>
      <div className={styles.dialog}>
        {state.status !== 'unknown' ? (
          <Ways state={state} />
        ) : error === null ? (
          <Delayed>
            <Skeleton height={96} role="status" aria-label="The approval is being read" />
          </Delayed>
        ) : (
          <ProblemNotice error={error} onRetry={reload} />
        )}
        <Group justify="flex-end">
          <Button variant="default" data-autofocus onClick={onClose}>
            Close
          </Button>
        </Group>
      </div>
    </Dialog>
  );
};

const Ways = ({ state }: { state: Exclude<DeleteAllState, { status: 'unknown' }> }) =>
  state.status === 'locked' ? (
    <>
      <p>
        This is locked. Someone of the platform team, not you, must approve. Then any admin has 3
        days.
      </p>
      <p>
        Ask by the API:
        <code className={styles.call}>{'POST /v1/delete-all-requests {"reason": "…"}'}</code>
      </p>
    </>
  ) : (
    <>
      <p>
        The platform team has approved it. It is possible until <Timestamp at={state.until} />.
      </p>
      <p>
        Run it by the API:
        <code className={styles.call}>{`POST /v1/delete-all-requests/${state.requestId}/run`}</code>
      </p>
    </>
  );
