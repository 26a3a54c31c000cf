import { useEffect, useRef } from 'react';
import { useAnnouncer } from '../../page/announcer.tsx';
import type { Job } from '../job.ts';
import { headingOf } from '../words/job-words.ts';
import { announcementOf } from './announcements.ts';

/** Says the progress of a job in the live region: its name first, then each tenth and phase. */
export const useAnnounceJob = (job: Job | undefined): void => {
  const { say } = useAnnouncer();
  const before = useRef<Job>(undefined);
  useEffect(() => {
    if (job === undefined) return;
    const { current } = before;
    const text = current?.id === job.id ? announcementOf(current, job) : `${headingOf(job)}.`;
    before.current = job;
    if (text !== undefined) say(text);
  }, [job, say]);
};
