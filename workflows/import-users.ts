import type { JobInput } from './contract.ts';
import { runJob } from './run-job.ts';

/** Reads a file to its end before the first user is written, then imports the lines that can be. */
export const importUsers = ({ jobId }: JobInput) =>
  runJob(jobId, async (job, { checkImportFile, importUsers: importLines }) => {
    await job.enter('checking');
    await checkImportFile({ jobId });
    await job.enter('importing');
    await importLines({ jobId });
  });
