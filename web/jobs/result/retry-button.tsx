import { Button } from '@mantine/core';
import type { Problem } from '../../api/problem.ts';
import { useApi, useMe } from '../../api/services.tsx';
import { isLeading, useForgetAtEnd } from '../../api/unanswered.ts';
import { useKeyedStart } from '../../api/use-keyed-start.ts';
import { formatCount } from '../../format/numbers.ts';
import { CallNotice } from '../../page/call-notice.tsx';
import type { Job } from '../job.ts';
import { useLeadToJob } from '../use-lead-to-job.ts';
import { retryableOf } from './sums.ts';

/**
 * Starts a job for the users that this job has left, and leads to it. A request without an answer
 * ends with the part.
 */
export const RetryButton = ({ job, isInDialog = false }: { job: Job; isInDialog?: boolean }) => {
  const { key } = useMe();
  const leadToJob = useLeadToJob();
  const { mutateAsync } = useApi().useMutation('post', '/v1/jobs/{id}/retry');
  const start = useKeyedStart<string, Job>(
    `retry:${key.id}:${job.id}`,
    (id, idempotencyKey, signal) =>
      mutateAsync({
        params: { path: { id }, header: { 'Idempotency-Key': idempotencyKey } },
        body: null,
        signal,
      }),
    (answer) => {
      const id = 'result' in answer ? answer.result.id : retriedBy(answer.problem);
      // Refused with its own id, the job cannot be retried at all.
      if (id !== undefined && id !== job.id) leadToJob(id);
    },
  );
  useForgetAtEnd(start);
  const { state, call, tryNow } = start;
  const left = retryableOf(job);
  // Selected again, they may be more or fewer.
  const isExact = job.type !== 'export' && left > 0 && job.retrySelects !== 'again';
  return (
    <>
      <Button loading={isLeading(state)} onClick={() => call(job.id)}>
        {isExact ? `Retry ${formatCount(left)}` : 'Retry'}
      </Button>
      <CallNotice state={state} isKeyed isDroppedOnClose={isInDialog} onTryNow={tryNow} />
    </>
  );
};

/** The job that another tab or person started in place of this one. */
const retriedBy = ({ slug, data }: Problem): string | undefined =>
  slug === 'wrong-state' && typeof data['jobId'] === 'string' ? data['jobId'] : undefined;
