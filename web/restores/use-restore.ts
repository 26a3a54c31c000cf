import { useNavigate } from '@tanstack/react-router';
import { useRef } from 'react';
import type { components } from '../api/schema.d.ts';
import { useApi, useMe } from '../api/services.tsx';
import { type KeyedStart, useKeyedStart } from '../api/use-keyed-start.ts';
import { useForgetAtEnd } from '../api/unanswered.ts';
import { useLeadToJob } from '../jobs/use-lead-to-job.ts';
import { startEach, type StartedRestores } from './start-each.ts';

type Job = components['schemas']['Job'];

export interface RestoreBody {
  reason?: string;
  notify: boolean;
}

export interface RestoreStart extends KeyedStart<RestoreBody, StartedRestores<Job>> {
  /** Leads to the job that has started, or to the list of several. */
  lead: (jobs: readonly Pick<Job, 'id'>[]) => void;
}

/**
 * Restores the users of some backups once, and leads to the job. A deletion of several passes has
 * several backups, and each is a job with a key of its own; then it leads to the list. If a part of
 * them was refused, the dialog stays and reports it. Closing the dialog abandons the request.
 *
 * @param chosen those with users to restore
 */
export const useRestore = (
  { backupIds, chosen }: { backupIds: readonly string[]; chosen: readonly string[] },
  purpose: string,
  onStarted: () => void,
): RestoreStart => {
  const { key } = useMe();
  const navigate = useNavigate();
  const leadToJob = useLeadToJob();
  const { mutateAsync } = useApi().useMutation('post', '/v1/backups/{id}/restores');
  const lead: RestoreStart['lead'] = (jobs) => {
    onStarted();
    const [first] = jobs;
    if (jobs.length === 1 && first !== undefined) leadToJob(first.id);
    else void navigate({ to: '/jobs', search: { type: 'restore' } });
  };
  // Of the present key: a try after another does not forget what has started.
  const started = useRef(new Map<string, Job>());
  const start = useKeyedStart<RestoreBody, StartedRestores<Job>>(
    `restore:${key.id}:${purpose}`,
    (body, idempotencyKey, signal) => {
      const backups = backupIds.map((id, index) => ({ id, index }));
      return startEach(
        backups.filter(({ id }) => chosen.includes(id)),
        async ({ id, index }) => {
          const ownKey = `${idempotencyKey}-${index}`;
          const before = started.current.get(ownKey);
          if (before !== undefined) return before;
          // Closed meanwhile: those that were not sent yet are not sent any more.
          signal.throwIfAborted();
          const header = { 'Idempotency-Key': ownKey };
          const job = await mutateAsync({ body, params: { path: { id }, header }, signal });
          started.current.set(ownKey, job);
          return job;
        },
      );
    },
    (answer) => {
      if ('result' in answer && answer.result.refused.length === 0) lead(answer.result.jobs);
    },
  );
  useForgetAtEnd(start);
  return { ...start, lead };
};
