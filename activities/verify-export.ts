import { findExport, listParts, markDamaged, markVerified } from '../db/exports.ts';
import type { WrittenExport } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';
import { inLanes } from './lanes.ts';
import { isDamage, recheckPart } from './verify-part.ts';

/** Files hashed side by side. */
const LANES = 2;

/**
 * Looks at a written export once more, whole, now that nothing is added to it: every part must still be the
 * file that was read back. Only then may anyone delete by it or download it.
 */
export const createVerifyExport =
  (deps: ActivityDeps) =>
  async ({ exportId }: { exportId: string }, signal: AbortSignal): Promise<WrittenExport> => {
    const { db } = deps.database;
    const row = await findExport(db, exportId);
    if (row === undefined || row.attempt === null) throw failures.exportUnknown(exportId);
    const { attempt } = row;
    const rows = row.rows ?? 0;
    if (row.state === 'verified') return { exportId, rows };
    if (row.state !== 'written') throw failures.exportUnknown(exportId);

    const parts = await listParts(db, row);
    const inParts = parts.reduce((sum, part) => sum + part.rows, 0);
    if (inParts !== rows) throw failures.sumsDoNotClose(rows, inParts);
    try {
      await inLanes(parts, LANES, signal, (part, broken) =>
        recheckPart(deps.storage, part, broken),
      );
    } catch (error) {
      if (isDamage(error)) await markDamaged(db, exportId);
      throw error;
    }
    await markVerified(db, { exportId, attempt });
    deps.crashPoint('export:verified');
    return { exportId, rows };
  };
