import type { Db } from '../db/client.ts';
import { eraseExport } from '../db/exports/removals.ts';
import { exportPrefix } from './part-key.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * Destroys the files of a removed export, lost attempts included, and erases the traces of its
 * users. Safe to call again; the files go first, so what is written down as destroyed is.
 *
 * @throws StorageError when a file stays; DatabaseError KS007 when the export is not removed
 */
export const destroyExport = async (
  { db, storage }: { db: Db; storage: Storage },
  exportId: string,
): Promise<void> => {
  await storage.remove(exportPrefix(exportId));
  await eraseExport(db, exportId);
};
