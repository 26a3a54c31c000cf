import { MAX_PASSES, type JobInput } from './contract.ts';
import { runJob } from './run-job.ts';
import { verifyExport } from './steps.ts';

/**
 * Backs users up, then deletes exactly the users in the backup.
 *
 * Deleting what the backup holds, and not what a second look at the selection finds, is what makes
 * "all" mean all: no page is skipped, and nobody who signed up meanwhile is deleted unsaved. Users
 * who changed after the backup was taken get a backup of their new version, and another turn.
 */
export const deleteUsers = ({ jobId }: JobInput) =>
  runJob(jobId, async (job, { writeExport, deleteBackedUpUsers, settlePass }) => {
    for (let pass = 1; pass <= MAX_PASSES; pass++) {
      await job.enter('backingUp', pass);
      const { exportId } = await writeExport({ jobId, pass });
      await job.enter('verifyingBackup');
      await verifyExport({ exportId });

      await job.enter('deleting');
      const { deleted } = await deleteBackedUpUsers({ jobId, exportId });
      await job.enter('settling');
      const left = await settlePass({ jobId, pass, isLast: pass === MAX_PASSES, deleted });
      if (left.changed === 0) return;
    }
  });
