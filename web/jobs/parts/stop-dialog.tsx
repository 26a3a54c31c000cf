import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useApi } from '../../api/services.tsx';
import { useRetriedCall } from '../../api/use-retried-call.ts';
import { CallNotice } from '../../page/call-notice.tsx';
import { DialogButtons } from '../../page/dialog-buttons.tsx';
import { Dialog } from '../../page/dialog.tsx';
import { isStoppable, type Job } from '../job.ts';
import { TYPE_WORDS } from '../words/job-words.ts';
import { stopWordsOf } from './stop-words.ts';
import styles from './stop-dialog.module.css';

const WIDTH = 480;

/** Says what is done already, and stops the rest of a job. It closes once nothing is left. */
export const StopDialog = ({ job, onClose }: { job: Job; onClose: () => void }) => {
  const api = useApi();
  const queries = useQueryClient();
  const { mutateAsync } = api.useMutation('post', '/v1/jobs/{id}/cancel');
  const { state, call, tryNow } = useRetriedCall(
    (id: string, signal) => mutateAsync({ ...initOf(id), signal }),
    (answer) => {
      if ('problem' in answer) return;
      const { result } = answer;
      const { queryKey } = api.queryOptions('get', '/v1/jobs/{id}', initOf(result.id));
      queries.setQueryData(queryKey, result);
      onClose();
    },
  );
  const isOver = !isStoppable(job);
  useEffect(() => {
    if (isOver) onClose();
  }, [isOver, onClose]);
  const { noun, stop } = TYPE_WORDS[job.type];
  return (
    <Dialog isOpen onClose={onClose} title={`Stop this ${noun.toLowerCase()}?`} width={WIDTH}>
      <div className={styles.dialog}>
        <p>{stopWordsOf(job)}</p>
        <CallNotice state={state} isKeyed={false} onTryNow={tryNow} />
        <DialogButtons cancel="Go on" onCancel={onClose}>
          <Button color="danger" loading={state.status === 'sending'} onClick={() => call(job.id)}>
            {stop}
          </Button>
        </DialogButtons>
      </div>
    </Dialog>
  );
};

const initOf = (id: string) => ({ params: { path: { id } } });
