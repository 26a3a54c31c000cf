import { UUID } from 'uuidv7';
import {
  eraseImportFile,
  expireImportFile,
  listDueImportFiles,
  listImportFilesToDestroy,
  listKnownImportFiles,
} from '../../db/imports/import-files.ts';
import { readClock } from '../../db/connections/clock.ts';
import { importPrefix, IMPORTS_PREFIX } from '../../files/import-key.ts';
import { SETTLED_HOURS } from '../../rules/retention.ts';
import type { ActivityDeps } from '../deps.ts';
import type { RemovalTask } from './removal-task.ts';

const HOUR_MS = 3_600_000;
/** The leading bytes of a version 7 UUID, which hold its time. */
const TIME_BYTES = 6;

/** The removal of imported files: the row first, then the file, then the traces of its users. */
export const importRemovals = (deps: ActivityDeps) => {
  const { storage, database, crashPoint } = deps;
  const { db } = database;
  const expire: RemovalTask<{ id: string }> = {
    list: (limit, after) => listDueImportFiles(db, limit, after?.id),
    deal: async ({ id }) => {
      const isRemoved = await expireImportFile(db, id);
      if (isRemoved) crashPoint('destroy:row-removed');
      return isRemoved;
    },
  };
  const destroy: RemovalTask<{ id: string }> = {
    list: (limit, after) => listImportFilesToDestroy(db, limit, after?.id),
    deal: async ({ id }) => {
      await storage.remove(importPrefix(id));
      await eraseImportFile(db, id);
      return true;
    },
  };
  // Listed once in each round, because that reads the whole storage.
  let lost: Promise<string[]> | undefined;
  const cleanUp: RemovalTask<{ id: string }> = {
    list: async (limit, after) => {
      lost ??= listLostUploads(deps);
      const left = (await lost).filter((id) => id > (after?.id ?? ''));
      return left.slice(0, limit).map((id) => ({ id }));
    },
    deal: async ({ id }) => {
      await storage.remove(importPrefix(id));
      return true;
    },
  };
  return { expire, destroy, cleanUp };
};

/** Uploads without a row: the request failed before its job was written. */
const listLostUploads = async (deps: ActivityDeps): Promise<string[]> => {
  const old = await listOldUploads(deps);
  const known = await listKnownImportFiles(deps.database.db, old);
  return old.filter((id) => !known.has(id));
};

/** The ids of uploaded files that are so old that their HTTP request must have ended. */
const listOldUploads = async ({ storage, database }: ActivityDeps): Promise<string[]> => {
  const keys = await storage.list(IMPORTS_PREFIX);
  const ids = new Set(keys.map((key) => key.split('/')[1] ?? ''));
  const limit = (await readClock(database.db)) - SETTLED_HOURS * HOUR_MS;
  return [...ids].filter((id) => (madeAt(id) ?? Infinity) < limit).toSorted();
};

/**
 * The creation time of an id, in milliseconds since 1970. Undefined if the id is not a version 7
 * UUID.
 */
const madeAt = (id: string): number | undefined => {
  try {
    const uuid = UUID.parse(id);
    if (uuid.getVersion() !== 7) return undefined;
    return Buffer.from(uuid.bytes).readUIntBE(0, TIME_BYTES);
  } catch {
    return undefined;
  }
};
