import { useNavigate } from '@tanstack/react-router';
import type { components } from '../api/schema.d.ts';
import { useApi, useMe } from '../api/services.tsx';
import { type KeyedStart, useKeyedStart } from '../api/use-keyed-start.ts';
import { useLeadToJob } from '../jobs/use-lead-to-job.ts';

type Job = components['schemas']['Job'];

export interface RestoreBody {
  reason?: string;
  notify: boolean;
}

/**
 * Restores the users of some backups once, and leads to the job. A deletion of several passes has
 * several backups, and each is a job with a key of its own; then it leads to the list.
 *
 * @param chosen those with users to restore
 */
export const useRestore = (
  { backupIds, chosen }: { backupIds: readonly string[]; chosen: readonly string[] },
  purpose: string,
  onStarted: () => void,
): KeyedStart<RestoreBody, Job[]> => {
  const { key } = useMe();
  const navigate = useNavigate();
  const leadToJob = useLeadToJob();
  const { mutateAsync } = useApi().useMutation('post', '/v1/backups/{id}/restores', {
    networkMode: 'always',
  });
  return useKeyedStart<RestoreBody, Job[]>(
    `restore:${key.id}:${purpose}`,
    async (body, idempotencyKey) => {
      const jobs: Job[] = [];
      for (const [index, id] of backupIds.entries()) {
        if (!chosen.includes(id)) continue;
        const header = { 'Idempotency-Key': `${idempotencyKey}-${index}` };
        jobs.push(await mutateAsync({ body, params: { path: { id }, header } }));
      }
      return jobs;
    },
    (answer) => {
      if ('problem' in answer) return;
      const { result: jobs } = answer;
      onStarted();
      const [first] = jobs;
      if (jobs.length === 1 && first !== undefined) leadToJob(first.id);
      else void navigate({ to: '/jobs', search: { type: 'restore' } });
    },
  );
};
