import { Button } from '@mantine/core';
import { Suspense, useState } from 'react';
import { useMe } from '../../api/services.tsx';
import { lazyPart } from '../../page/lazy-page.ts';
import type { Job } from '../job.ts';
import { partsOfSelection } from '../parts/selection-words.ts';

const DeleteDialog = lazyPart(() =>
  import('../../deletions/delete-dialog.tsx').then((module) => module.DeleteDialog),
);

/** Previews the selection of a deletion again: its users may be others than before. */
export const LookAgain = ({ job, size = 'sm' }: { job: Job; size?: 'xs' | 'sm' }) => {
  const { key } = useMe();
  const [isOpen, setOpen] = useState(false);
  if (job.erasedAt !== null) return null;
  if (key.role !== 'admin') return <p>An admin must look again, then confirm the new number.</p>;
  const { words } = partsOfSelection(job.selection);
  return (
    <div>
      <Button
        variant={size === 'xs' ? 'default' : 'filled'}
        {...{ size }}
        onClick={() => setOpen(true)}
      >
        Look again
      </Button>
      <Suspense>
        {isOpen && <DeleteDialog scope={{ ofJob: job.id, words }} onClose={() => setOpen(false)} />}
      </Suspense>
    </div>
  );
};
