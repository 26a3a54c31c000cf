import { startQueuedJobs } from './steps.ts';

/** The sweep: starts jobs a crash left queued, ends those whose workflow is no more. */
export const startQueued = () => startQueuedJobs();
