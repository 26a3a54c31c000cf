import { driftOf } from '../../deletions/counts.ts';
import { Notice } from '../../page/notice.tsx';
import type { Job } from '../job.ts';
import { failureWordsOf } from '../words/failure-words.ts';
import { LookAgain } from './look-again.tsx';

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
      {job.type === 'deletion' && error.type === 'selectionChanged' && (
        <LookAgain job={job} size="xs" />
      )}
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
