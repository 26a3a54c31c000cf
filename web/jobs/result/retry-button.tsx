import { Button } from '@mantine/core';
import type { Problem } from '../../api/problem.ts';
import { useApi, useMe } from '../../api/services.tsx';
import { useKeyedStart } from '../../api/use-keyed-start.ts';
import { formatCount } from '../../format/numbers.ts';
import { CallNotice } from '../../page/call-notice.tsx';
import type { Job } from '../job.ts';
import { useLeadToJob } from '../use-lead-to-job.ts';
import { retryableOf } from './sums.ts';

/** Starts a job for exactly the users that this job has left. */
export const RetryButton = ({ job }: { job: Job }) => {
  const { key } = useMe();
  const leadToJob = useLeadToJob();
  const { mutateAsync } = useApi().useMutation('post', '/v1/jobs/{id}/retry', {
    networkMode: 'always',
  });
  const path = { id: job.id };
  const { state, call, tryNow } = useKeyedStart<null, Job>(
    `retry:${key.id}:${job.id}`,
    (_body, idempotencyKey) =>
      mutateAsync({
        params: { path, header: { 'Idempotency-Key': idempotencyKey } },
        body: null,
      }),
    (answer) => {
      const id = 'result' in answer ? answer.result.id : retriedBy(answer.problem);
      // Refused with its own id, the job cannot be retried at all.
      if (id !== undefined && id !== job.id) leadToJob(id);
    },
  );
  const left = retryableOf(job);
  const isOfAll = job.type === 'export' || left === 0;
  return (
    <>
      <Button loading={state.status === 'sending'} onClick={() => call(null)}>
        {isOfAll ? 'Retry' : `Retry ${formatCount(left)}`}
      </Button>
      <CallNotice state={state} isKeyed onTryNow={tryNow} />
    </>
  );
};

/** The job that another tab or person started in place of this one. */
const retriedBy = ({ slug, data }: Problem): string | undefined =>
  slug === 'wrong-state' && typeof data['jobId'] === 'string' ? data['jobId'] : undefined;
