import { sql } from 'kysely';
import { type ActivityKind, recordActivity } from '../activity.ts';
import type { Db, Trx } from '../client.ts';
import { assertClock } from '../connections/clock.ts';
import { FIRST_ID } from '../first-id.ts';

/**
 * Hours after which nothing writes to an export of an ended job any more: a step is given up after
 * a day, and one that lost touch with Temporal is given another.
 */
export const SETTLED_HOURS = 48;

const settledSince = sql<Date>`now() - make_interval(hours => ${SETTLED_HOURS})`;

const exportRows = (db: Db) => db.selectFrom('exports').selectAll();

type ExportRow = Awaited<ReturnType<ReturnType<typeof exportRows>['executeTakeFirstOrThrow']>>;

/** The job that has not ended and needs an export: its own, or a restore from it. */
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

/** Of a row that this transaction has locked; files and traces go once it has committed. */
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

export type Purge =
  | { status: 'removed' | 'gone' | 'held' }
  /** The same person has started the deletion. */
  | { status: 'own' }
  /** A job that has not ended needs it. */
  | { status: 'inUse'; jobId: string };

/**
 * Removes a backup, unless it is held or in use, or the same person started the deletion. The
 * database goes by the key that the proof belongs to, and by nothing that the caller says.
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

/** Expired, or never verified though its job ended long ago; not held. */
const isDue = sql<boolean>`(
  exports.state <> 'removed' AND NOT exports.legal_hold
  AND (exports.expires_at <= now()
    OR (exports.verified_at IS NULL AND EXISTS (
      SELECT FROM jobs WHERE jobs.id = exports.job_id AND jobs.finished_at < ${settledSince}))))`;

const isUnused = sql<boolean>`NOT EXISTS (SELECT FROM jobs WHERE jobs.finished_at IS NULL
  AND (jobs.id = exports.job_id OR jobs.backup_id = exports.id))`;

/** Exports that are to be removed and that no unfinished job needs, by id. */
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

const kindOf = ({ purpose, verified_at }: ExportRow): ActivityKind => {
  if (verified_at === null) return 'leftoversRemoved';
  return purpose === 'backup' ? 'backupExpired' : 'exportExpired';
};

/**
 * Removes an export that is due. False when it is not any more, or somebody is at it at this
 * moment.
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
    // After the row was found due: a clock that jumped ahead before that is seen here.
    await assertClock(trx);
    await markRemoved(trx, row, kindOf(row));
    return true;
  });

/**
 * Removed exports that are not destroyed yet, by id; and for some time those that are, since an
 * attempt that had lost may have gone on writing.
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

/** Attempts of living exports that lost to the export's own, long after the job has ended. */
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

/** Erases the traces of a removed export's users and writes down that it is destroyed. */
export const eraseExport = async (db: Db, id: string): Promise<void> => {
  await sql`SELECT erase_export(${id}::uuid)`.execute(db);
};

/** Erases users of up to so many jobs that ended long ago without a file. @returns of how many */
export const eraseFruitlessJobs = async (db: Db, limit: number): Promise<number> => {
  const { rows } = await sql<{
    n: number;
  }>`SELECT erase_fruitless_jobs(${limit}::int) AS n`.execute(db);
  return rows[0]?.n ?? 0;
};

/**
 * Erases the selections of up to so many previews that expired unconfirmed. @returns of how many
 */
export const eraseOldPreviews = async (db: Db, limit: number): Promise<number> => {
  const { rows } = await sql<{ n: number }>`SELECT erase_old_previews(${limit}::int) AS n`.execute(
    db,
  );
  return rows[0]?.n ?? 0;
};
