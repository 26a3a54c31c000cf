import { Button } from '@mantine/core';
import { problemOf } from '../api/problem.ts';
import { useApi } from '../api/services.tsx';
import { useShownSignal } from '../api/shown-signal.ts';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Dialog } from '../page/dialog.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { useCachedSegments } from './use-cached-segments.ts';
import type { Segment } from './use-segment-list.ts';
import styles from './segments.module.css';

/**
 * Asks before a segment is deleted. No user is.
 *
 * @param onDeleted has the words for what happened: it may have been deleted by somebody else
 */
export const DeleteSegmentDialog = ({
  segment: { id, name },
  onClose,
  onDeleted,
}: {
  segment: Segment;
  onClose: () => void;
  onDeleted: (words: string) => void;
}) => {
  const cached = useCachedSegments();
  const shown = useShownSignal();
  const end = (words: string): void => {
    if (shown()?.aborted === false) onDeleted(words);
    // This takes the dialog from the page, too.
    cached.remove(id);
  };
  const { mutate, isPending, error } = useApi().useMutation('delete', '/v1/segments/{id}', {
    onSuccess: () => end(`Segment ‘${name}’ is deleted.`),
    onError: (failure) => {
      if (isGone(failure)) end(`Segment ‘${name}’ was deleted already.`);
    },
  });
  const remove = (): void => mutate({ params: { path: { id } } });
  return (
    <Dialog isOpen {...(!isPending && { onClose })} title={`Delete segment ‘${name}’?`} width={480}>
      <div className={styles.dialog}>
        <p>
          Only the saved filter is deleted. <strong>No user is deleted</strong>, and jobs that used
          the segment keep their own copy of it.
        </p>
        {error !== null && !isGone(error) && <ProblemNotice error={error} takesFocus />}
        <DialogButtons onCancel={isPending ? undefined : onClose}>
          <Button color="danger" loading={isPending} onClick={remove}>
            Delete segment
          </Button>
        </DialogButtons>
      </div>
    </Dialog>
  );
};

const isGone = (failure: unknown): boolean => problemOf(failure).status === 404;
