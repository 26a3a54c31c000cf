import { sql } from 'kysely';
import { IMPORT_FILE_DAYS } from '../../rules/retention.ts';
import { recordActivity } from '../activity.ts';
import type { Db, Trx } from '../client.ts';
import { assertClock } from '../connections/clock.ts';
import { FIRST_ID } from '../first-id.ts';

/** Records an uploaded file, in the transaction of the job that is to import the file. */
export const insertImportFile = async (
  trx: Trx,
  file: { id: string; workspaceId: string; bytes: number; sha256: string },
): Promise<void> => {
  await trx
    .insertInto('import_files')
    .values({
      id: file.id,
      workspace_id: file.workspaceId,
      bytes: file.bytes,
      sha256: file.sha256,
      expires_at: sql<Date>`now() + make_interval(days => ${IMPORT_FILE_DAYS})`,
    })
    .execute();
};

/**
 * The file of an import.
 *
 * @throws NoResultError when there is no such row
 */
export const getImportFile = (db: Db, id: string) =>
  db.selectFrom('import_files').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

/** The file of an import; undefined if no job was written for it. */
export const findImportFile = (db: Db, id: string) =>
  db.selectFrom('import_files').selectAll().where('id', '=', id).executeTakeFirst();

const isDue = sql<boolean>`(
  import_files.removed_at IS NULL AND import_files.expires_at <= now()
  AND NOT EXISTS (SELECT FROM jobs WHERE import_file_id = import_files.id AND finished_at IS NULL))`;

/** Files that have expired and that no unfinished job reads, by id. */
export const listDueImportFiles = (db: Db, limit: number, afterId = FIRST_ID) =>
  db
    .selectFrom('import_files')
    .select('id')
    .where('id', '>', afterId)
    .where(isDue)
    .orderBy('id')
    .limit(limit)
    .execute();

/**
 * Removes a file that is due. The jobs that read it are checked only after its row is locked: a
 * concurrent retry holds a lock on the row, and a later retry finds the file removed. False if the
 * file is not due any more, or another transaction has locked its row.
 *
 * @throws DatabaseRefusal `clocksDiffer`
 */
export const expireImportFile = (db: Db, id: string): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    const locked = await trx
      .selectFrom('import_files')
      .select('id')
      .where('id', '=', id)
      .forNoKeyUpdate()
      .skipLocked()
      .executeTakeFirst();
    if (locked === undefined) return false;
    const file = await trx
      .updateTable('import_files')
      .set({ removed_at: sql<Date>`now()` })
      .where('id', '=', id)
      .where(isDue)
      .returningAll()
      .executeTakeFirst();
    if (file === undefined) return false;
    await assertClock(trx);
    const job = await trx
      .selectFrom('jobs')
      .select('id')
      .where('import_file_id', '=', id)
      .orderBy('created_at')
      .limit(1)
      .executeTakeFirstOrThrow();
    await recordActivity(trx, {
      workspaceId: file.workspace_id,
      kind: 'importFileExpired',
      jobId: job.id,
      counts: { bytes: file.bytes },
      details: { sha256: file.sha256, createdAt: file.created_at, expiresAt: file.expires_at },
    });
    return true;
  });

/** Removed files that are not destroyed yet, by id. */
export const listImportFilesToDestroy = (db: Db, limit: number, afterId = FIRST_ID) =>
  db
    .selectFrom('import_files')
    .select('id')
    .where('id', '>', afterId)
    .where('removed_at', 'is not', null)
    .where('destroyed_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute();

/** Erases the traces of a removed file's users, and records that the file is destroyed. */
export const eraseImportFile = async (db: Db, id: string): Promise<void> => {
  await sql`SELECT erase_import_file(${id}::uuid)`.execute(db);
};

/** Those file ids that have a row. */
export const listKnownImportFiles = async (
  db: Db,
  ids: readonly string[],
): Promise<Set<string>> => {
  const rows = await db
    .selectFrom('import_files')
    .select('id')
    .where('id', '=', sql<string>`ANY (${ids}::uuid[])`)
    .execute();
  return new Set(rows.map(({ id }) => id));
};
