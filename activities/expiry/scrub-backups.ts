import { listParts, type ExportRow } from '../../db/exports/exports.ts';
import {
  listBackupsToScrub,
  recordScrub,
  type Damage,
  type Scrubbed,
} from '../../db/exports/scrubs.ts';
import type { ScrubResult } from '../../workflows/contracts/activities.ts';
import type { ActivityDeps } from '../deps.ts';
import { type RemovalTask, runRemovalTask } from './removal-task.ts';
import { findDamage } from '../exports/verify-part.ts';

/** Called for each damaged backup. */
export type OnDamage = (backup: { exportId: string } & Damage) => void;

/**
 * Hashes the files of each backup between its deletion and its expiry. So damage is reported while
 * other copies of the storage exist. A damaged backup whose files are intact again becomes verified
 * again. If the storage does not answer, the state of the backup does not change.
 */
export const createScrubBackups =
  (deps: ActivityDeps, onDamage: OnDamage) =>
  async (_input: void, signal: AbortSignal): Promise<ScrubResult> => {
    const { db } = deps.database;
    const counts: Record<Scrubbed, number> = { whole: 0, damaged: 0, repaired: 0 };
    const scrub: RemovalTask<ExportRow> = {
      list: (limit, after) => listBackupsToScrub(db, limit, after?.id),
      deal: async (backup) => {
        const damage = await findDamageOf(deps, backup, signal);
        const scrubbed = await recordScrub(db, backup, damage);
        counts[scrubbed] += 1;
        // A backup that was removed while its files were read is not reported.
        if (scrubbed === 'damaged' && damage !== undefined) {
          onDamage({ exportId: backup.id, ...damage });
        }
        return true;
      },
    };
    const problems: unknown[] = [];
    await runRemovalTask(scrub, signal, problems);
    if (problems.length > 0) throw problems[0];
    return counts;
  };

/** Hashes a backup's files, up to the first damaged one. */
const findDamageOf = async (
  { database: { db }, storage }: ActivityDeps,
  backup: ExportRow,
  signal: AbortSignal,
): Promise<Damage | undefined> => {
  for (const part of await listParts(db, backup)) {
    const figure = await findDamage(storage, part, signal);
    if (figure !== undefined) return { part: part.part, figure };
  }
  return undefined;
};
