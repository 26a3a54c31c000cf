import { Button } from '@mantine/core';
import { Suspense, useState } from 'react';
import { useMe } from '../../api/services.tsx';
import { driftOf } from '../../deletions/counts.ts';
import { lazyPart } from '../../page/lazy-page.ts';
import { Notice } from '../../page/notice.tsx';
import type { Job } from '../job.ts';
import { partsOfSelection } from '../parts/selection-words.ts';
import { failureWordsOf } from '../words/failure-words.ts';

const DeleteDialog = lazyPart(() =>
  import('../../deletions/delete-dialog.tsx').then((module) => module.DeleteDialog),
);

/** Why a job failed, and what helps. */
export const FailureNotice = ({ job, error }: { job: Job; error: NonNullable<Job['error']> }) => {
  const { title, next } = failureWordsOf(error.type);
  return (
    <Notice tone="danger">
      <p>
        <strong>{title}.</strong> {next}
      </p>
      <Numbers error={error} />
      <p>
        Error type <code>{error.type}</code>
      </p>
      {job.type === 'deletion' && error.type === 'selectionChanged' && <LookAgain job={job} />}
    </Notice>
  );
};

/** The message of the error, or its numbers where they say more. */
const Numbers = ({ error: { type, message, data } }: { error: NonNullable<Job['error']> }) => {
  const { confirmed, found } = data ?? {};
  if (type !== 'selectionChanged' || confirmed === undefined || found === undefined) {
    return <p>{message}</p>;
  }
  const drift = driftOf({ count: confirmed, held: 0 }, { count: found, held: 0 });
  return (
    <p>
      <strong>{drift?.numbers}</strong> {drift?.words}
    </p>
  );
};

/** Previews the selection of a deletion again, because its count has moved. */
const LookAgain = ({ job }: { job: Job }) => {
  const { key } = useMe();
  const [isOpen, setOpen] = useState(false);
  if (key.role !== 'admin' || job.erasedAt !== null) return null;
  const { words } = partsOfSelection(job.selection);
  return (
    <div>
      <Button variant="default" size="xs" onClick={() => setOpen(true)}>
        Look again
      </Button>
      <Suspense>
        {isOpen && <DeleteDialog scope={{ ofJob: job.id, words }} onClose={() => setOpen(false)} />}
      </Suspense>
    </div>
  );
};
