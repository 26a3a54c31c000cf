import { sql } from 'kysely';
import type { Db, Trx } from './client.ts';

/** How long an imported file is kept: so long an import may be retried, and its failures be read. */
const FILE_TTL_DAYS = 7;

/** Writes down an uploaded file, in the transaction of the job that is to import it. */
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
      expires_at: sql<Date>`now() + make_interval(days => ${FILE_TTL_DAYS})`,
    })
    .execute();
};

/** The file of an import. @throws NoResultError when there is no such row */
export const getImportFile = (db: Db, id: string) =>
  db.selectFrom('import_files').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

/** The file of an import, if any job came of it. */
export const findImportFile = (db: Db, id: string) =>
  db.selectFrom('import_files').selectAll().where('id', '=', id).executeTakeFirst();
