import type { JobInput } from './contracts/jobs.ts';
import { runJob } from './run-job.ts';
import { verifyExport } from './activity-proxies.ts';

/** Writes the selected users to a file and verifies it. Only then is the mail sent. */
export const exportUsers = ({ jobId }: JobInput) =>
  runJob(jobId, async (job, { writeExport }) => {
    await job.enter('exporting');
    const { exportId } = await writeExport({ jobId, pass: 1 });
    await job.enter('verifying');
    await verifyExport({ exportId });
  });
