import { MAX_PASSES, type JobInput } from './contracts/jobs.ts';
import { runJob } from './run-job.ts';
import { verifyExport } from './activity-proxies.ts';

/**
 * Backs users up, then deletes exactly the users in the backup.
 *
 * The delete reads the backup and does not evaluate the selection again. So no page is skipped, and
 * a user that signed up in the meantime is not deleted without a backup. Users that changed after
 * the backup get a backup of their new version and another pass.
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
