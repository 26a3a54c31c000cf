import { Button } from '@mantine/core';
import { useState } from 'react';
import { type Job } from '../job.ts';
import { TYPE_WORDS } from '../words/job-words.ts';
import { StopDialog } from './stop-dialog.tsx';

/** Asks whether to stop a job that runs. */
export const StopButton = ({ job }: { job: Job }) => {
  const [isOpen, setOpen] = useState(false);
  const isStopping = job.state === 'cancelling';
  return (
    <>
      <Button variant="default" disabled={isStopping} onClick={() => setOpen(true)}>
        {isStopping ? 'Stopping' : TYPE_WORDS[job.type].stop}
      </Button>
      {isOpen && <StopDialog job={job} onClose={() => setOpen(false)} />}
    </>
  );
};
