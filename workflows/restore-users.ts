import type { JobInput } from './contract.ts';
import { runJob } from './run-job.ts';

/**
 * Hashes a backup's files, then puts back whom its deletion took; nobody who is there is touched.
 */
export const restoreUsers = ({ jobId }: JobInput) =>
  runJob(jobId, async (job, { verifyBackup, restoreBackedUpUsers }) => {
    await job.enter('verifyingBackup');
    await verifyBackup({ jobId });
    await job.enter('restoring');
    await restoreBackedUpUsers({ jobId });
  });
