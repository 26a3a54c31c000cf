import { startQueuedJobs } from './steps.ts';

/** The sweep: starts jobs and requests a crash left behind, ends those whose workflow is no more. */
export const startQueued = () => startQueuedJobs();
