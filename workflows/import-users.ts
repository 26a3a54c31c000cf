import type { JobInput } from './contracts/jobs.ts';
import { runJob } from './run-job.ts';

/** Checks the whole file before the first user is written, then imports the valid lines. */
export const importUsers = ({ jobId }: JobInput) =>
  runJob(jobId, async (job, { checkImportFile, importUsers: importLines }) => {
    await job.enter('checking');
    await checkImportFile({ jobId });
    await job.enter('importing');
    await importLines({ jobId });
  });
