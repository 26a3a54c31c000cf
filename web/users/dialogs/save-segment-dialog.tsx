import { Button, Group, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { PropertyTypes } from '../../../selection/fields.ts';
import type { Filter } from '../../../selection/filter.ts';
import { problemOf } from '../../api/problem.ts';
import type { components } from '../../api/schema.d.ts';
import { useApi } from '../../api/services.tsx';
import { describeFilter } from '../../filters/describe-filter.ts';
import { Dialog } from '../../page/dialog.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import { useCachedSegments } from '../../segments/use-cached-segments.ts';
import styles from '../users-page.module.css';

const MAX_NAME_LENGTH = 255;

/** Saves the filter of the list with a name. */
export const SaveSegmentDialog = ({
  filter,
  properties,
  hasSearch,
  onSaved,
  onClose,
}: {
  filter: Filter;
  properties: PropertyTypes;
  /** The list is also searched, which a segment has no part for. */
  hasSearch: boolean;
  onSaved: (segmentId: string) => void;
  onClose: () => void;
}) => {
  const [name, setName] = useState('');
  const { save, isSaving, problem, atName } = useSaveSegment(onSaved);
  return (
    <Dialog isOpen onClose={onClose} title="Save as segment" width={480}>
      <form
        className={styles.dialog}
        onSubmit={(event) => {
          event.preventDefault();
          save(name.trim(), filter);
        }}
      >
        <p className={styles.words}>{describeFilter(filter, properties)}</p>
        {hasSearch && <p className={styles.soft}>The search is not a part of the segment.</p>}
        <TextInput
          label="Name"
          required
          withAsterisk={false}
          maxLength={MAX_NAME_LENGTH}
          data-autofocus
          value={name}
          error={atName && `This name ${atName.detail}.`}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {problem !== undefined && atName === undefined && (
          <ProblemNotice error={problem} takesFocus />
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isSaving} disabled={name.trim() === ''}>
            Save segment
          </Button>
        </Group>
      </form>
    </Dialog>
  );
};

const useSaveSegment = (onSaved: (segmentId: string) => void) => {
  const cached = useCachedSegments();
  const { mutate, isPending, error } = useApi().useMutation('post', '/v1/segments', {
    onSuccess: cached.put,
  });
  const problem = error === null ? undefined : problemOf(error);
  return {
    isSaving: isPending,
    problem,
    atName: problem?.errors.find(({ pointer }) => pointer === '/name'),
    save: (name: string, filter: Filter): void =>
      mutate(
        { body: { name, filter: filter as components['schemas']['Filter'] } },
        { onSuccess: ({ id }) => onSaved(id) },
      ),
  };
};
