import { Button } from '@mantine/core';
import { useState } from 'react';
import { countOf } from '../../format/numbers.ts';
import { DialogButtons } from '../../page/dialog-buttons.tsx';
import { Dialog } from '../../page/dialog.tsx';
import type { Job } from '../job.ts';
import { RetryButton } from './retry-button.tsx';
import { retryableOf } from './sums.ts';

/** Asks before a deletion reads its filter again, where a person cannot see its users. */
export const AskedRetry = ({ job }: { job: Job }) => {
  const [isOpen, setOpen] = useState(false);
  const close = (): void => setOpen(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Retry…</Button>
      {isOpen && (
        <Dialog isOpen onClose={close} title="Retry this deletion?">
          <p>
            It ended before it knew its users. A retry reads its filter again: the users that match
            now may be others, at most {countOf(retryableOf(job), 'user')}. Users that were added
            since the preview stay. An admin can look at the users first.
          </p>
          <DialogButtons onCancel={close}>
            <RetryButton job={job} />
          </DialogButtons>
        </Dialog>
      )}
    </>
  );
};
