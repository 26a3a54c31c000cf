import { Button } from '@mantine/core';
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
    (answer) => 'result' in answer && leadToJob(answer.result.id),
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
