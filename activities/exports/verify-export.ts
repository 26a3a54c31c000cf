import { findExport, getExport, listParts, markVerified } from '../../db/exports/exports.ts';
import { findJobClaim } from '../../db/jobs/job-runs.ts';
import type { WrittenExport } from '../../workflows/contracts/jobs.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';

/**
 * Marks a written export as verified, if the rows of its parts add up. All files were read back
 * while they were written. Only a verified export can be downloaded or used to delete. The end of a
 * job removes its unverified files, so an export of an ended job stays unverified.
 *
 * @throws exportUnknown, jobNotRunning, sumsDoNotClose
 */
export const createVerifyExport =
  (deps: ActivityDeps) =>
  async ({ exportId }: { exportId: string }): Promise<WrittenExport> => {
    const { db } = deps.database;
    const row = await findExport(db, exportId);
    if (row === undefined || row.attempt === null) throw failures.exportUnknown(exportId);
    const rows = row.rows ?? 0;
    if (row.state === 'verified') return { exportId, rows };
    if (row.state !== 'written') throw failures.exportUnknown(exportId);

    const parts = await listParts(db, row);
    const inParts = parts.reduce((sum, part) => sum + part.rows, 0);
    if (inParts !== rows) throw failures.sumsDoNotClose(rows, inParts);
    await markVerified(db, { exportId, attempt: row.attempt });
    const { state } = await getExport(db, exportId);
    if (state === 'written') {
      const job = await findJobClaim(db, row.job_id);
      throw failures.jobNotRunning(row.job_id, job?.state ?? 'unknown');
    }
    deps.crashPoint('export:verified');
    return { exportId, rows };
  };
