import { replaceEqualDeep, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect } from 'react';
import { followJob, type JobStreamDeps } from './job-stream.ts';
import type { components } from './schema.d.ts';
import { useApi, useMe } from './services.tsx';
import { useIsVisible } from './use-is-visible.ts';

type Job = components['schemas']['Job'];

/** A job that runs is read again after this time without news; an ended one more seldom. */
const ACTIVE_MS = 3_000;
const IDLE_MS = 30_000;

const DEPS: JobStreamDeps = {
  locks: typeof navigator === 'undefined' ? undefined : navigator.locks,
  openSource: (path) => new EventSource(path),
  openChannel: (name) => new BroadcastChannel(name),
};

/** A job, kept current: by the stream of this or another tab, or by reading it again. */
export const useJob = (id: string) => {
  const api = useApi();
  const queries = useQueryClient();
  const { key } = useMe();
  const isVisible = useIsVisible();
  const query = api.useQuery('get', '/v1/jobs/{id}', initOf(id), {
    // Each news begins the time anew, so a tab that hears the stream does not poll.
    refetchInterval: ({ state }) => (hasEnded(state.data) ? IDLE_MS : ACTIVE_MS),
    // The title of a hidden tab shows the progress, too.
    refetchIntervalInBackground: true,
    structuralSharing: (old, next) =>
      replaceEqualDeep(old, newerOf(old as Job | undefined, next as Job)),
  });
  const ended = hasEnded(query.data);

  const onJob = useCallback(
    (job: Job) => {
      const { queryKey } = api.queryOptions('get', '/v1/jobs/{id}', initOf(id));
      queries.setQueryData<Job>(queryKey, (old) => merge(old, job));
    },
    [api, queries, id],
  );
  useEffect(() => {
    if (ended) return undefined;
    return followJob(DEPS, { jobId: id, keyId: key.id, mayHold: isVisible, onJob });
  }, [id, key.id, isVisible, ended, onJob]);
  return query;
};

const initOf = (id: string) => ({ params: { path: { id } } });

const hasEnded = (job: Job | undefined): boolean =>
  job !== undefined &&
  job.finishedAt !== null &&
  !job.mail.some(({ state }) => state === 'waiting');

/** A response that was on its way when the job ended does not bring an older state back. */
const newerOf = (old: Job | undefined, next: Job): Job =>
  old !== undefined && old.finishedAt !== null && next.finishedAt === null ? old : next;

/** A state of the stream. It does not say what the job waits for, or the columns of a mapping. */
const merge = (old: Job | undefined, job: Job): Job => {
  if (old === undefined) return job;
  const isUnchanged =
    old.state === job.state &&
    old.phase === job.phase &&
    old.progress.processed === job.progress.processed;
  return {
    ...job,
    ...(old.mapping !== undefined && { mapping: old.mapping }),
    ...(isUnchanged && old.waitingFor !== undefined && { waitingFor: old.waitingFor }),
  };
};
