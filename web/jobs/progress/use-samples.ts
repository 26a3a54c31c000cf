import { useState } from 'react';
import type { Job } from '../job.ts';
import { type Sample, withSample } from './rates.ts';

/** What this page has seen of the progress of a job. */
export const useSamples = (job: Job): readonly Sample[] => {
  const [seen, setSeen] = useState<readonly Sample[]>([]);
  const samples = withSample(seen, job);
  if (samples !== seen) setSeen(samples);
  return samples;
};
