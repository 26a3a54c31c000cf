import type { JobInput } from './contracts/jobs.ts';
import { runJob } from './run-job.ts';

/**
 * Hashes a backup's files, then restores the users that its deletion deleted. Existing users stay
 * unchanged.
 */
export const restoreUsers = ({ jobId }: JobInput) =>
  runJob(jobId, async (job, { verifyBackup, restoreBackedUpUsers }) => {
    await job.enter('verifyingBackup');
    await verifyBackup({ jobId });
    await job.enter('restoring');
    await restoreBackedUpUsers({ jobId });
  });
