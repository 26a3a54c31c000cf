import { Button, Group } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { problemOf } from '../api/problem.ts';
import { withinTries } from '../api/retry.ts';
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
  const readAgain = () => queries.invalidateQueries({ queryKey: ['get', '/v1/segments'] });
  const { mutate, isPending, error } = useApi().useMutation('delete', '/v1/segments/{id}', {
    onSuccess: () => withinTries(readAgain()),
    onError: (failure) => (isGone(failure) ? withinTries(readAgain()) : undefined),
  });
  const remove = (): void =>
    mutate(
      { params: { path: { id } } },
      {
        onSuccess: () => onDeleted(`Segment ‘${name}’ is deleted.`),
        onError: (failure) => {
          if (isGone(failure)) onDeleted(`Segment ‘${name}’ was deleted already.`);
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
        {error !== null && !isGone(error) && <ProblemNotice error={error} takesFocus />}
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

const isGone = (failure: unknown): boolean => problemOf(failure).status === 404;
