import { pipeline } from 'node:stream';
import { getImportFile } from '../db/import-files.ts';
import { setLinesRead } from '../db/imports.ts';
import { propertyTypesOf } from '../db/properties.ts';
import { linesOf } from '../imports/lines.ts';
import { createDigestTap, type DigestTap } from '../storage/digest-tap.ts';
import { importKey } from '../storage/import-key.ts';
import type { Activities } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';
import { getRunningJob, type RunningJob } from './running-job.ts';

/** Lines after which the job's progress is told. */
const TELL_LINES = 20_000;

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
const openImportFile = async (
  { storage }: ActivityDeps,
  { importFileId }: ImportJob,
): Promise<DigestTap> => {
  const file = await storage.get(importKey(importFileId));
  // An error of either comes out of the tap.
  return pipeline(file, createDigestTap(), () => {});
};

/** The lines of a file, told of now and then. @throws ImportFileError, jobNotRunning */
const countLines = async (
  { database: { db } }: ActivityDeps,
  job: ImportJob,
  file: DigestTap,
  signal: AbortSignal,
): Promise<number> => {
  const types = await propertyTypesOf(db, job.workspaceId);
  const tell = async (): Promise<void> => {
    if (await setLinesRead(db, job.id, lines)) return;
    throw failures.jobNotRunning(job.id, 'not being checked any more');
  };
  let lines = 0;
  let told = 0;
  for await (const { records } of linesOf(file, types)) {
    signal.throwIfAborted();
    lines += records.length;
    if (lines - told < TELL_LINES) continue;
    await tell();
    told = lines;
  }
  await tell();
  return lines;
};

/** Reads the whole file. What is wrong with the file itself is thrown before any user was written. */
export const createCheckImport =
  (deps: ActivityDeps) =>
  async (
    { jobId }: Parameters<Activities['checkImportFile']>[0],
    signal: AbortSignal,
  ): ReturnType<Activities['checkImportFile']> => {
    const job = await getRunningImport(deps, jobId);
    const stored = await getImportFile(deps.database.db, job.importFileId);
    const file = await openImportFile(deps, job);
    const lines = await countLines(deps, job, file, signal);
    const { bytes, sha256 } = file.facts();
    if (bytes !== stored.bytes) throw failures.importFileDamaged(stored.id, 'size');
    if (sha256 !== stored.sha256) throw failures.importFileDamaged(stored.id, 'SHA-256');
    return { lines };
  };
