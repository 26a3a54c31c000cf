import { sql } from 'kysely';
import { SETTLED_HOURS } from '../../rules/retention.ts';
import { type ActivityKind, recordActivity } from '../activity.ts';
import type { Db, Trx } from '../client.ts';
import { assertClock } from '../connections/clock.ts';
import { FIRST_ID } from '../first-id.ts';

const settledSince = sql<Date>`now() - make_interval(hours => ${SETTLED_HOURS})`;

type ExportRow = Awaited<ReturnType<ReturnType<typeof exportRows>['executeTakeFirstOrThrow']>>;

export type Purge =
  | { status: 'removed' | 'gone' | 'held' }
  /** The caller is the person who started the deletion. */
  | { status: 'own' }
  /** An unfinished job needs the backup. */
  | { status: 'inUse'; jobId: string };

/**
 * An export that is not held, and has expired by the clock and by the watched time, or was never
 * verified although its job ended `SETTLED_HOURS` ago.
 */
const isDue = sql<boolean>`(
  exports.state <> 'removed' AND NOT exports.legal_hold
  AND (exports.expires_at <= least(now(), (SELECT watched_to FROM expiry_watch))
    OR (exports.verified_at IS NULL AND EXISTS (
      SELECT FROM jobs WHERE jobs.id = exports.job_id AND jobs.finished_at < ${settledSince}))))`;

const isUnused = sql<boolean>`NOT EXISTS (SELECT FROM jobs WHERE jobs.finished_at IS NULL
  AND (jobs.id = exports.job_id OR jobs.backup_id = exports.id))`;

/**
 * Removes a backup, unless the backup is held or in use, or the caller started its deletion. The
 * database identifies the caller by the key that the proof belongs to, and by nothing else.
 */
export const purgeBackup = async (
  trx: Trx,
  { id, proof, reason }: { id: string; proof: Buffer; reason: string },
): Promise<Purge> => {
  const { rows } = await sql<{ status: Purge['status']; jobId: string | null }>`
    SELECT status, user_job AS "jobId"
      FROM purge_backup(${proof}::bytea, ${id}::uuid, ${reason}::text)`.execute(trx);
  const { status = 'gone', jobId } = rows[0] ?? {};
  return status === 'inUse' ? { status, jobId: jobId ?? '' } : { status };
};

/**
 * Moves the watched time, up to which expired exports are removed, towards the database's clock.
 * After a jump of the clock it stays behind for a while.
 *
 * @returns how far it is behind, in seconds
 */
export const advanceExpiryWatch = async (db: Db): Promise<number> => {
  const { rows } = await sql<{ behind: number }>`SELECT advance_expiry_watch() AS behind`.execute(
    db,
  );
  return rows[0]?.behind ?? 0;
};

/** Exports that are due for removal and that no unfinished job needs, by id. */
export const listDueExports = (db: Db, limit: number, afterId = FIRST_ID) =>
  db
    .selectFrom('exports')
    .select('id')
    .where('id', '>', afterId)
    .where(isDue)
    .where(isUnused)
    .orderBy('id')
    .limit(limit)
    .execute();

/**
 * Removes an export that is due. False if the export is not due any more, is in use, or is locked
 * by another transaction.
 *
 * @throws DatabaseRefusal `clocksDiffer`
 */
export const expireExport = (db: Db, id: string): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    const row = await exportRows(trx)
      .where('id', '=', id)
      .where(isDue)
      .forNoKeyUpdate()
      .skipLocked()
      .executeTakeFirst();
    if (row === undefined || (await findUnfinishedUser(trx, row)) !== undefined) return false;
    // Checked after the row was found due, so that a database clock that jumped ahead before is
    // detected.
    await assertClock(trx);
    await markRemoved(trx, row, kindOf(row));
    return true;
  });

/**
 * Removed exports to destroy, by id. An export that was destroyed already is listed for
 * `SETTLED_HOURS`, because a void attempt may still have written files.
 */
export const listExportsToDestroy = (db: Db, limit: number, afterId = FIRST_ID) =>
  db
    .selectFrom('exports')
    .select('id')
    .where('id', '>', afterId)
    .where('state', '=', 'removed')
    .where((eb) => eb.or([eb('destroyed_at', 'is', null), eb('removed_at', '>', settledSince)]))
    .orderBy('id')
    .limit(limit)
    .execute();

/** Void attempts of exports that still exist, `SETTLED_HOURS` after the end of their job. */
export const listLostAttempts = (db: Db, limit: number, after = { id: FIRST_ID, attempt: 0 }) =>
  db
    .selectFrom('export_attempts as lost')
    .innerJoin('exports', 'exports.id', 'lost.export_id')
    .innerJoin('jobs', 'jobs.id', 'exports.job_id')
    .select(['exports.id', 'exports.job_id', 'exports.workspace_id', 'lost.attempt'])
    .where(
      sql<boolean>`(lost.export_id, lost.attempt) > (${after.id}::uuid, ${after.attempt}::int)`,
    )
    .whereRef('lost.attempt', '<>', 'exports.attempt')
    .where('exports.state', '<>', 'removed')
    .where('jobs.finished_at', '<', settledSince)
    .orderBy('lost.export_id')
    .orderBy('lost.attempt')
    .limit(limit)
    .execute();

/** Erases the traces of a removed export's users, and records that the export is destroyed. */
export const eraseExport = async (db: Db, id: string): Promise<void> => {
  await sql`SELECT erase_export(${id}::uuid)`.execute(db);
};

/**
 * Erases the users of up to `limit` jobs that ended long ago without a file.
 *
 * @returns the number of jobs
 */
export const eraseFruitlessJobs = async (db: Db, limit: number): Promise<number> => {
  const { rows } = await sql<{
    n: number;
  }>`SELECT erase_fruitless_jobs(${limit}::int) AS n`.execute(db);
  return rows[0]?.n ?? 0;
};

/**
 * Erases the selections of up to `limit` previews that expired without a confirmation.
 *
 * @returns the number of previews
 */
export const eraseOldPreviews = async (db: Db, limit: number): Promise<number> => {
  const { rows } = await sql<{ n: number }>`SELECT erase_old_previews(${limit}::int) AS n`.execute(
    db,
  );
  return rows[0]?.n ?? 0;
};

const exportRows = (db: Db) => db.selectFrom('exports').selectAll();

/** The unfinished job that needs an export: the export's own job, or a restore from it. */
const findUnfinishedUser = async (trx: Trx, row: ExportRow): Promise<string | undefined> => {
  const user = await trx
    .selectFrom('jobs')
    .select('id')
    .where((eb) => eb.or([eb('id', '=', row.job_id), eb('backup_id', '=', row.id)]))
    .where('finished_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return user?.id;
};

/**
 * Marks a row as removed; this transaction must hold its lock. Files and traces are deleted after
 * the commit.
 */
const markRemoved = async (trx: Trx, row: ExportRow, kind: ActivityKind): Promise<void> => {
  await trx
    .updateTable('exports')
    .set({ state: 'removed', removed_at: sql`now()` })
    .where('id', '=', row.id)
    .execute();
  await recordActivity(trx, {
    kind,
    workspaceId: row.workspace_id,
    jobId: row.job_id,
    exportId: row.id,
    counts: { users: row.rows ?? 0, bytes: row.bytes ?? 0 },
    details: {
      state: row.state,
      sha256: row.sha256,
      createdAt: row.created_at,
      verifiedAt: row.verified_at,
      expiresAt: row.expires_at,
    },
  });
};

const kindOf = ({ purpose, verified_at }: ExportRow): ActivityKind => {
  if (verified_at === null) return 'leftoversRemoved';
  return purpose === 'backup' ? 'backupExpired' : 'exportExpired';
};
