import { Button, Group } from '@mantine/core';
import { useApi } from '../../api/services.tsx';
import { Timestamp } from '../../format/timestamp.tsx';
import { Dialog } from '../../page/dialog.tsx';
import styles from '../users-page.module.css';

/** Why all users cannot be deleted by one person, and how it is asked for. */
export const DeleteAllDialog = ({ onClose }: { onClose: () => void }) => {
  const { data } = useApi().useQuery('get', '/v1/me');
  const state = data?.features.deleteAll;
  const until = state?.enabled === true ? state.until : null;
  return (
    <Dialog isOpen onClose={onClose} title="Delete all users" width={480}>
      <div className={styles.dialog}>
        {until === null ? (
          <p>
            This is locked. Someone of the platform team, not you, must approve. Then any admin has
            3 days.
          </p>
        ) : (
          <p>
            The platform team has approved it. It is possible until <Timestamp at={until} />.
          </p>
        )}
        <p>
          {until === null ? 'Ask by the API:' : 'Run it by the API:'}
          <code className={styles.call}>
            {until === null
              ? 'POST /v1/delete-all-requests {"reason": "…"}'
              : `POST /v1/delete-all-requests/${state?.requestId ?? ''}/run`}
          </code>
        </p>
        <Group justify="flex-end">
          <Button variant="default" data-autofocus onClick={onClose}>
            Close
          </Button>
        </Group>
      </div>
    </Dialog>
  );
};
