import { Button, Group } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { problemOf } from '../api/problem.ts';
import { useApi } from '../api/services.tsx';
import { Dialog } from '../page/dialog.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
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
  const queries = useQueryClient();
  const { mutate, isPending, error } = useApi().useMutation('delete', '/v1/segments/{id}');
  const end = (words: string): void => {
    const reloaded = queries.invalidateQueries({ queryKey: ['get', '/v1/segments'] });
    void reloaded.then(() => onDeleted(words));
  };
  const remove = (): void =>
    mutate(
      { params: { path: { id } } },
      {
        onSuccess: () => end(`Segment ‘${name}’ is deleted.`),
        onError: (failure) => {
          if (problemOf(failure).status !== 404) return;
          end(`Segment ‘${name}’ was deleted already.`);
        },
      },
    );
  return (
    <Dialog isOpen {...(!isPending && { onClose })} title={`Delete segment ‘${name}’?`} width={480}>
      <div className={styles.dialog}>
        <p>
          Only the saved filter is deleted. <strong>No user is deleted</strong>, and jobs that used
          the segment keep their own copy of it.
        </p>
        {error !== null && problemOf(error).status !== 404 && (
          <ProblemNotice error={error} takesFocus />
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" data-autofocus disabled={isPending} onClick={onClose}>
            Cancel
          </Button>
          <Button color="danger" loading={isPending} onClick={remove}>
            Delete segment
          </Button>
        </Group>
      </div>
    </Dialog>
  );
};
