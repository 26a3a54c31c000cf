import { pipeline } from 'node:stream';
import { getImportFile } from '../db/import-files.ts';
import { insertFailures, setLinesRead } from '../db/imports.ts';
import { propertyTypesOf } from '../db/properties.ts';
import { readChunks } from '../imports/read-chunks.ts';
import { createDigestTap, type DigestTap } from '../storage/digest-tap.ts';
import { importKey } from '../storage/import-key.ts';
import type { Activities } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';
import { getRunningJob, type RunningJob } from './running-job.ts';

export type ImportJob = RunningJob & { type: 'import' };

/** @throws jobNotRunning when there is no such import, or it runs no more */
export const getRunningImport = async (
  { database: { db } }: ActivityDeps,
  jobId: string,
): Promise<ImportJob> => {
  const job = await getRunningJob(db, jobId);
  if (job.type !== 'import') throw failures.jobNotRunning(jobId, `of type ${job.type}`);
  return job;
};

/** The uploaded file of an import, from its beginning; `facts` once it is read to its end. */
export const openImportFile = async (
  { storage }: ActivityDeps,
  { importFileId }: ImportJob,
): Promise<DigestTap> => {
  const file = await storage.get(importKey(importFileId));
  // An error of either comes out of the tap.
  return pipeline(file, createDigestTap(), () => {});
};

/**
 * Reads the whole file and writes down each line that cannot be imported. What is wrong with the file
 * itself is thrown before any user was written.
 */
export const createCheckImport =
  (deps: ActivityDeps) =>
  async (
    { jobId }: Parameters<Activities['checkImportFile']>[0],
    signal: AbortSignal,
  ): ReturnType<Activities['checkImportFile']> => {
    const { db, pool } = deps.database;
    const job = await getRunningImport(deps, jobId);
    const stored = await getImportFile(db, job.importFileId);
    const types = await propertyTypesOf(db, job.workspaceId);
    const file = await openImportFile(deps, job);
    let lines = 0;
    const options = { types, ...job.options, keepsRows: false };
    for await (const chunk of readChunks(file, options)) {
      signal.throwIfAborted();
      lines += chunk.lines;
      await insertFailures(pool, jobId, chunk.failed);
      if (!(await setLinesRead(db, jobId, lines))) {
        throw failures.jobNotRunning(jobId, 'not being checked any more');
      }
    }
    const { bytes, sha256 } = file.facts();
    if (bytes !== stored.bytes) throw failures.importFileDamaged(stored.id, 'size');
    if (sha256 !== stored.sha256) throw failures.importFileDamaged(stored.id, 'SHA-256');
    await setLinesRead(db, jobId, lines);
    return { lines };
  };
