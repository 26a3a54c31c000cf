import type { JobInput } from './contract.ts';
import { runJob } from './run-job.ts';
import { verifyExport } from './steps.ts';

/** Writes the selected users to a file and reads it back; only then is anyone told of it. */
export const exportUsers = ({ jobId }: JobInput) =>
  runJob(jobId, async (job, { writeExport }) => {
    await job.enter('exporting');
    const { exportId } = await writeExport({ jobId, pass: 1 });
    await job.enter('verifying');
    await verifyExport({ exportId });
  });
