import { pipeline, type Readable } from 'node:stream';
import { getImportFile } from '../../db/imports/import-files.ts';
import { setLinesRead } from '../../db/imports/imports.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { arePlain } from '../../db/users/users-table.ts';
import { createDigestTap } from '../../files/digest-tap.ts';
import { importKey } from '../../files/import-key.ts';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Activities } from '../../workflows/contracts/activities.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';
import { getRunningJob, type RunningJob } from '../jobs/running-job.ts';

export type ImportJob = RunningJob & { type: 'import' };

/** @throws jobNotRunning when there is no such import, or it does not run; usersNotPlain */
export const getRunningImport = async (
  { database: { db, pool } }: ActivityDeps,
  jobId: string,
): Promise<ImportJob> => {
  const job = await getRunningJob(db, jobId);
  if (job.type !== 'import') throw failures.jobNotRunning(jobId, `of type ${job.type}`);
  if (!(await arePlain(pool, job.workspaceId))) throw failures.usersNotPlain(job.workspaceId);
  return job;
};

/**
 * Reads and checks the whole file. An error in the file itself is thrown before any user is
 * written.
 *
 * @throws ImportFileError, importFileDamaged, jobNotRunning
 */
export const createCheckImport =
  (deps: ActivityDeps) =>
  async (
    { jobId }: Parameters<Activities['checkImportFile']>[0],
    signal: AbortSignal,
  ): ReturnType<Activities['checkImportFile']> => {
    const job = await getRunningImport(deps, jobId);
    const stored = await getImportFile(deps.database.db, job.importFileId);
    const types = await propertyTypesOf(deps.database.db, job.workspaceId);
    const stream = await deps.storage.get(importKey(job.importFileId));
    // The tap emits the errors of both streams.
    const file = pipeline(stream, createDigestTap(), () => {});
    const lines = await countLines(deps, job, { file, types }, signal);
    const { bytes, sha256 } = file.facts();
    if (bytes !== stored.bytes) throw failures.importFileDamaged(stored.id, 'size');
    if (sha256 !== stored.sha256) throw failures.importFileDamaged(stored.id, 'SHA-256');
    return { lines };
  };

/**
 * Counts the lines of a file, and stores the count now and then.
 *
 * @throws ImportFileError, jobNotRunning
 */
const countLines = async (
  { database: { db }, importThreads }: ActivityDeps,
  job: ImportJob,
  { file, types }: { file: Readable; types: PropertyTypes },
  signal: AbortSignal,
): Promise<number> => {
  const task = { kind: 'count', types, job: { options: job.options } } as const;
  const read = importThreads.read(task, file, signal);
  let lines = 0;
  try {
    for await (const result of read.results) {
      if (result.kind === 'counted') ({ lines } = result);
      // Stored also for short files, so that a cancelled job fails here.
      if (await setLinesRead(db, job.id, lines)) continue;
      throw failures.jobNotRunning(job.id, 'not being checked any more');
    }
  } finally {
    await read.close();
  }
  return lines;
};
