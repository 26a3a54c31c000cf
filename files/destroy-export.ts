import type { Db } from '../db/client.ts';
import { eraseExport } from '../db/exports/removals.ts';
import { exportPrefix } from './part-key.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * Destroys the files of a removed export, including void attempts, and erases the traces of its
 * users. Safe to call again. The files are deleted first, so an export that is recorded as
 * destroyed has no files.
 *
 * @throws StorageError when a file cannot be deleted; DatabaseError KS007 when the export is not
 *   removed
 */
export const destroyExport = async (
  { db, storage }: { db: Db; storage: Storage },
  exportId: string,
): Promise<void> => {
  await storage.remove(exportPrefix(exportId));
  await eraseExport(db, exportId);
};
