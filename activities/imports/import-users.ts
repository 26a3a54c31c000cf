import { lendRenewed } from '../../db/connections/connection.ts';
import { listDoneChunks, sumImport } from '../../db/imports/imports.ts';
import { matchMails } from '../../db/imports/import-match.ts';
import { createPreview } from '../../db/imports/import-preview.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { letUsersCount } from '../../db/users/sequences.ts';
import { ImportFileError } from '../../imports/file-error.ts';
import { importKey } from '../../files/import-key.ts';
import type { Activities } from '../../workflows/contracts/activities.ts';
import { getRunningImport, type ImportJob } from './check-import.ts';
import type { ActivityDeps } from '../deps.ts';
import { fileFailure } from '../failures.ts';
import { importChunk, type PreparedChunk } from './import-chunk.ts';
import type { SentChunk } from './import-messages.ts';
import type { ThreadRead } from './import-threads.ts';
import { readAhead } from './read-ahead.ts';

/**
 * Imports the lines of a checked file, chunk by chunk: later lines overwrite earlier ones. A second
 * run continues with the chunks that are not done. A dry run only counts, and writes no user.
 *
 * @throws ImportFileError's failure, jobNotRunning, usersContended
 */
export const createImportUsers =
  (deps: ActivityDeps) =>
  async (
    { jobId }: Parameters<Activities['importUsers']>[0],
    signal: AbortSignal,
  ): ReturnType<Activities['importUsers']> => {
    const job = await getRunningImport(deps, jobId);
    const count = async () => {
      const { imported, merged } = (await sumImport(deps.database.db, jobId)).counts;
      return { imported, merged };
    };
    try {
      await importChunks(deps, job, signal);
    } catch (error) {
      if (!(error instanceof ImportFileError)) throw error;
      const { imported, merged } = await count();
      throw fileFailure(error, job.options.dryRun ? 0 : imported + merged);
    }
    return count();
  };

const importChunks = async (
  deps: ActivityDeps,
  job: ImportJob,
  signal: AbortSignal,
): Promise<void> => {
  const { db } = deps.database;
  const types = await propertyTypesOf(db, job.workspaceId);
  const done = await listDoneChunks(db, job.id);
  const { dryRun } = job.options;
  await letUsersCount(db);
  const client = await lendRenewed(deps.lanes);
  try {
    if (dryRun) await createPreview(client, job.workspaceId);
    const work = { client, job, beforeCommit: () => deps.crashPoint('import:chunk-open') };
    const file = await deps.storage.get(importKey(job.importFileId));
    // A dry run repeats all chunks, to know which users the earlier ones would have created.
    const passed = dryRun ? new Set<number>() : done;
    const { workspaceId, options } = job;
    const task = { kind: 'chunks', types, job: { workspaceId, options }, done: passed } as const;
    const read = deps.importThreads.read(task, file, signal);
    try {
      for await (const result of readAhead(read.results)) {
        signal.throwIfAborted();
        if (result.kind !== 'chunk' || passed.has(result.chunk.chunk)) continue;
        const { chunk } = result;
        await importChunk(work, prepared(job, read, chunk));
        deps.crashPoint('import:chunk-committed');
        deps.meter.rows('imported', chunk.lines);
      }
    } finally {
      await read.close();
    }
  } finally {
    // Closes the connection, which also drops its temporary tables.
    client.release(true);
  }
};

/** A chunk with functions that ask the thread about its rows. */
const prepared = (
  { workspaceId }: ImportJob,
  read: ThreadRead,
  { mails = [], ...chunk }: SentChunk,
): PreparedChunk => ({
  ...chunk,
  rowsOf: () => read.rowsOf(chunk.chunk),
  linesOf: (rows) => read.linesOf(chunk.chunk, rows),
  match: async (client) =>
    mails.length === 0
      ? undefined
      : read.match(chunk.chunk, await matchMails(client, workspaceId, mails)),
});
