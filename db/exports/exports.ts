import { sql } from 'kysely';
import type { Db, Trx } from '../client.ts';
import { lockRecords } from '../jobs/lock-records.ts';
import type { Compression, Format, Purpose, Schema } from '../schema.ts';
import type { StoredColumn } from '../column-types.ts';
import type { Insertable, Selectable } from 'kysely';

/** Finds or makes the one export of a job's pass. */
export const ensureExport = async (
  db: Db,
  wanted: {
    id: string;
    jobId: string;
    workspaceId: string;
    purpose: Purpose;
    pass: number;
    format: Format;
    compression: Compression;
    ttlDays: number;
  },
) => {
  await db
    .insertInto('exports')
    .values({
      id: wanted.id,
      job_id: wanted.jobId,
      workspace_id: wanted.workspaceId,
      purpose: wanted.purpose,
      pass: wanted.pass,
      format: wanted.format,
      compression: wanted.compression,
      expires_at: sql<Date>`now() + make_interval(days => ${wanted.ttlDays})`,
    })
    .onConflict((conflict) => conflict.columns(['job_id', 'pass']).doNothing())
    .execute();
  return db
    .selectFrom('exports')
    .selectAll()
    .where('job_id', '=', wanted.jobId)
    .where('pass', '=', wanted.pass)
    .executeTakeFirstOrThrow();
};

export type ExportRow = Selectable<Schema['exports']>;

export const findExport = (db: Db, exportId: string) =>
  db.selectFrom('exports').selectAll().where('id', '=', exportId).executeTakeFirst();

export const getExport = (db: Db, exportId: string) =>
  db.selectFrom('exports').selectAll().where('id', '=', exportId).executeTakeFirstOrThrow();

/** The backups of a deletion, or the one file of an export job, by pass. */
export const listExportsOfJob = (db: Db, jobId: string) =>
  db.selectFrom('exports').selectAll().where('job_id', '=', jobId).orderBy('pass').execute();

/**
 * Records the snapshot of a new attempt. Must run after the snapshot was taken, in a transaction of
 * its own: only then is the row's transaction later than the snapshot, as a constraint demands.
 *
 * @returns the attempt's number, from 1
 */
export const recordAttempt = async (
  db: Db,
  attempt: {
    exportId: string;
    snapshot: string;
    fingerprint: string;
    /** For a backup: the columns of its file, in order. */
    columns?: StoredColumn[];
    /** The result of `findEndedXids`. */
    endedXids?: string;
  },
): Promise<number> =>
  db.transaction().execute(async (trx) => {
    await lockRecords(trx, attempt.exportId);
    const row = await trx
      .insertInto('export_attempts')
      .values({
        export_id: attempt.exportId,
        attempt: sql<number>`(SELECT coalesce(max(attempt), 0) + 1 FROM export_attempts
                             WHERE export_id = ${attempt.exportId})`,
        snapshot: attempt.snapshot,
        fingerprint: attempt.fingerprint,
        columns: attempt.columns === undefined ? null : JSON.stringify(attempt.columns),
        ended_xids: attempt.endedXids ?? '{}',
      })
      .returning('attempt')
      .executeTakeFirstOrThrow();
    return row.attempt;
  });

/** The columns of the file that the export's own attempt wrote. Null if the attempt stored none. */
export const findAttemptColumns = (db: Db, { id, attempt }: Pick<ExportRow, 'id' | 'attempt'>) =>
  db
    .selectFrom('export_attempts')
    .select('columns')
    .where('export_id', '=', id)
    .where('attempt', '=', attempt)
    .executeTakeFirst();

export const recordPart = async (
  db: Db,
  part: Insertable<Schema['export_parts']>,
): Promise<void> => {
  await db.insertInto('export_parts').values(part).execute();
};

/**
 * The parts of the export's own attempt in order, the header first; without their row ids (`tids`).
 */
export const listParts = async (
  db: Db,
  {
    id,
    attempt,
    format,
    compression,
  }: Pick<ExportRow, 'id' | 'attempt' | 'format' | 'compression'>,
) => {
  if (attempt === null) return [];
  const rows = await db
    .selectFrom('export_parts')
    .select(['part', 'rows', 'raw_bytes', 'bytes', 'sha256', 'cursor', 'deleted'])
    .where('export_id', '=', id)
    .where('attempt', '=', attempt)
    .orderBy('part')
    .execute();
  return rows.map((row) => ({ ...row, exportId: id, attempt, format, compression }));
};

/** A part and the facts that identify its file. */
export type StoredPart = Awaited<ReturnType<typeof listParts>>[number];

/** The facts that a part's file must match. */
export type WrittenPart = Omit<StoredPart, 'cursor' | 'deleted'>;

/**
 * Makes an attempt the export's own. False if another attempt was first; this attempt is then void.
 */
export const completeExport = async (
  trx: Trx,
  done: { exportId: string; attempt: number; rows: number; bytes: number; sha256: string },
): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable('exports')
    .set({
      state: 'written',
      attempt: done.attempt,
      rows: done.rows,
      bytes: done.bytes,
      sha256: done.sha256,
    })
    .where('id', '=', done.exportId)
    .where('state', '=', 'writing')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

/**
 * Marks an export as verified, by compare-and-set on the attempt that was read back. Does nothing
 * once the job has ended: the lock on the job's row waits for an end that is being stored.
 */
export const markVerified = async (
  db: Db,
  verified: { exportId: string; attempt: number },
): Promise<void> => {
  await db
    .updateTable('exports')
    .set({ state: 'verified', verified_at: sql<Date>`now()` })
    .where('id', '=', verified.exportId)
    .where('attempt', '=', verified.attempt)
    .where('state', '=', 'written')
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('jobs')
          .select('jobs.id')
          .whereRef('jobs.id', '=', 'exports.job_id')
          .where('jobs.finished_at', 'is', null)
          .forShare(),
      ),
    )
    .execute();
};

/**
 * Marks a verified export as damaged. No user is deleted or restored by a damaged export, nor is it
 * downloaded.
 */
export const markDamaged = async (db: Db, exportId: string): Promise<void> => {
  await db
    .updateTable('exports')
    .set({ state: 'damaged' })
    .where('id', '=', exportId)
    .where('state', '=', 'verified')
    .execute();
};

/** Attempts other than the export's own. Their files are not needed. */
export const listVoidAttempts = async (db: Db, exportId: string, attempt: number) => {
  const rows = await db
    .selectFrom('export_attempts')
    .select('attempt')
    .where('export_id', '=', exportId)
    .where('attempt', '!=', attempt)
    .execute();
  return rows.map((row) => row.attempt);
};

/** Exports of an ended job that were never verified, and by which no user was deleted. */
export const listUnverifiedExports = (db: Db, jobId: string) =>
  db
    .selectFrom('exports')
    .innerJoin('jobs', 'jobs.id', 'exports.job_id')
    .select('exports.id')
    .where('exports.job_id', '=', jobId)
    .where('jobs.finished_at', 'is not', null)
    .where('exports.state', 'in', ['writing', 'written'])
    .where('exports.verified_at', 'is', null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('deletion_batches')
            .select('export_id')
            .whereRef('export_id', '=', 'exports.id'),
        ),
      ),
    )
    .execute();

export const findExportOfPass = (db: Db, jobId: string, pass: number) =>
  db
    .selectFrom('exports')
    .selectAll()
    .where('job_id', '=', jobId)
    .where('pass', '=', pass)
    .executeTakeFirst();
