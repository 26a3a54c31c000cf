import { sql } from 'kysely';
import { recordActivity } from '../activity.ts';
import type { Db } from '../client.ts';
import type { ExportRow } from './exports.ts';
import { FIRST_ID } from '../first-id.ts';

/** Hours between two scrubs of a backup. A damaged backup is checked in every run. */
const SCRUB_EVERY_HOURS = 24;

/** Backups of ended deletions whose files are due for a scrub, by id. */
export const listBackupsToScrub = (db: Db, limit: number, afterId = FIRST_ID) =>
  db
    .selectFrom('exports')
    .innerJoin('jobs', 'jobs.id', 'exports.job_id')
    .selectAll('exports')
    .where('exports.purpose', '=', 'backup')
    .where('exports.id', '>', afterId)
    .where('jobs.finished_at', 'is not', null)
    .where(
      sql<boolean>`(exports.state = 'damaged' OR (exports.state = 'verified'
        AND coalesce(exports.scrubbed_at, exports.verified_at)
            < now() - make_interval(hours => ${SCRUB_EVERY_HOURS})))`,
    )
    .orderBy('exports.id')
    .limit(limit)
    .execute();

/** The part of a backup that differs from what was written, and the figure that differs. */
export interface Damage {
  part: number;
  figure: string;
}

export type Scrubbed = 'whole' | 'damaged' | 'repaired';

/**
 * Records the result of a scrub. If the state has changed, writes a line in the activity log. A
 * backup that was removed meanwhile is not changed.
 */
export const recordScrub = (
  db: Db,
  backup: Pick<ExportRow, 'id' | 'job_id' | 'workspace_id' | 'sha256'>,
  damage: Damage | undefined,
): Promise<Scrubbed> =>
  db.transaction().execute(async (trx) => {
    const before = await trx
      .selectFrom('exports')
      .select('state')
      .where('id', '=', backup.id)
      .where('state', 'in', ['verified', 'damaged'])
      .forNoKeyUpdate()
      .executeTakeFirst();
    const state = damage === undefined ? 'verified' : 'damaged';
    if (before === undefined) return 'whole';
    await trx
      .updateTable('exports')
      .set({ state, scrubbed_at: sql<Date>`now()` })
      .where('id', '=', backup.id)
      .execute();
    if (before.state === state) return damage === undefined ? 'whole' : 'damaged';
    await recordActivity(trx, {
      workspaceId: backup.workspace_id,
      kind: damage === undefined ? 'backupRepaired' : 'backupDamaged',
      jobId: backup.job_id,
      exportId: backup.id,
      details: { sha256: backup.sha256, ...damage },
    });
    return damage === undefined ? 'repaired' : 'damaged';
  });

/** Backups whose files were found to be damaged, of all workspaces. */
export const countDamagedBackups = async (db: Db): Promise<number> => {
  const { count } = await db
    .selectFrom('exports')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('purpose', '=', 'backup')
    .where('state', '=', 'damaged')
    .executeTakeFirstOrThrow();
  return count;
};
