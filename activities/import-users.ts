import { countImport, listDoneChunks } from '../db/imports.ts';
import { createPreview } from '../db/import-preview.ts';
import { propertyTypesOf } from '../db/properties.ts';
import { readChunks } from '../imports/read-chunks.ts';
import { importKey } from '../storage/import-key.ts';
import type { Activities } from '../workflows/contract.ts';
import { getRunningImport, type ImportJob } from './check-import.ts';
import type { ActivityDeps } from './deps.ts';
import { importChunk, prepareChunks } from './import-chunk.ts';
import { readAhead } from './read-ahead.ts';

const importChunks = async (
  deps: ActivityDeps,
  job: ImportJob,
  signal: AbortSignal,
): Promise<void> => {
  const { db } = deps.database;
  const types = await propertyTypesOf(db, job.workspaceId);
  const done = await listDoneChunks(db, job.id);
  const { dryRun } = job.options;
  const client = await deps.lanes.connect();
  try {
    if (dryRun) await createPreview(client, job.workspaceId);
    const work = { client, job, beforeCommit: () => deps.crashPoint('import:chunk-open') };
    const file = await deps.storage.get(importKey(job.importFileId));
    const chunks = prepareChunks(job, readChunks(file, { types, ...job.options }));
    for await (const chunk of readAhead(chunks)) {
      signal.throwIfAborted();
      // A dry run has to know whom the chunks before would have made.
      if (done.has(chunk.chunk) && !dryRun) continue;
      await importChunk(work, chunk);
      deps.crashPoint('import:chunk-committed');
      deps.meter.rows('imported', chunk.lines);
    }
  } finally {
    // With its temporary tables.
    client.release(true);
  }
};

/**
 * Imports the lines of a checked file, one chunk after the other: later lines count over earlier ones.
 * A second run goes on with the chunks that are not done. A dry run counts, and writes no user.
 */
export const createImportUsers =
  (deps: ActivityDeps) =>
  async (
    { jobId }: Parameters<Activities['importUsers']>[0],
    signal: AbortSignal,
  ): ReturnType<Activities['importUsers']> => {
    const job = await getRunningImport(deps, jobId);
    await importChunks(deps, job, signal);
    const { imported, merged } = await countImport(deps.database.db, jobId);
    return { imported, merged };
  };
