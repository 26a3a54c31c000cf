import { Button } from '@mantine/core';
import { useState } from 'react';
import { DialogButtons } from '../../page/dialog-buttons.tsx';
import { Dialog } from '../../page/dialog.tsx';
import type { Job } from '../job.ts';
import { RetryButton } from './retry-button.tsx';

const OF_FILTER =
  'It ended before it knew which users are left. A retry reads its filter again: the users that match now ' +
  'may be others, at most as many as were confirmed. Users that were added since the preview stay. ' +
  'An admin can look at the users first.';

const OF_ALL =
  'It ended before it knew which users are left. A retry is for all users again, as the approved request ' +
  'says. A backup is made and verified first.';

/** Asks before a deletion selects its users again, where a person cannot see them. */
export const AskedRetry = ({ job }: { job: Job }) => {
  const [isOpen, setOpen] = useState(false);
  const close = (): void => setOpen(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Retry…</Button>
      {isOpen && (
        <Dialog isOpen onClose={close} title="Retry this deletion?">
          <p>{job.parent === null ? OF_FILTER : OF_ALL}</p>
          <DialogButtons onCancel={close}>
            <RetryButton job={job} isInDialog />
          </DialogButtons>
        </Dialog>
      )}
    </>
  );
};
