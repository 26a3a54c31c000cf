import { apiNameOf } from '../db/column-names.ts';
import { getExport, listParts } from '../db/exports.ts';
import {
  countRestore,
  listPartsToRestore,
  listUserColumns,
  settleRestore,
} from '../db/restores.ts';
import { readHeader } from '../storage/read-user-ids.ts';
import type { Activities } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';
import { inLanes, runLanes } from './lanes.ts';
import { restorePart } from './restore-part.ts';
import { getRunningJob, type RunningJob } from './running-job.ts';
import { recheckPart } from './verify-part.ts';

/** Parts read back or put back side by side. */
const LANES = 2;

const planRestore = async ({ database: { db } }: ActivityDeps, job: RunningJob) => {
  if (job.backupId === null) throw failures.exportUnknown(job.id);
  const backup = await getExport(db, job.backupId);
  return { backup, parts: await listPartsToRestore(db, job, backup) };
};

/**
 * Columns of a backup in the order of its file.
 *
 * @throws exportDamaged, columnsGone when the table has lost some
 */
const columnsOf = async (
  deps: ActivityDeps,
  { workspaceId }: RunningJob,
  backup: Awaited<ReturnType<typeof getExport>>,
  signal: AbortSignal,
): Promise<string[]> => {
  const exportId = backup.id;
  const [headerPart] = await listParts(deps.database.db, backup);
  if (headerPart === undefined) throw failures.exportUnknown(exportId);
  // By another order of its names, values would come back into the wrong columns.
  await recheckPart(deps.storage, headerPart, signal);
  const header = await readHeader(deps.storage, headerPart);
  const columns = await listUserColumns(deps.database.db, workspaceId);
  const byName = new Map(columns.map((column) => [apiNameOf(column), column]));
  return header.map((name) => {
    const column = byName.get(name);
    if (column === undefined) throw failures.columnGone(exportId, name);
    return column;
  });
};

type Step<Name extends keyof Activities> = (
  input: Parameters<Activities[Name]>[0],
  signal: AbortSignal,
) => ReturnType<Activities[Name]>;

/** Hashes every part a restore takes from, so that damage is known before a row is written. */
export const createVerifyBackup =
  (deps: ActivityDeps): Step<'verifyBackup'> =>
  async ({ jobId }, signal) => {
    const job = await getRunningJob(deps.database.db, jobId);
    const { backup, parts } = await planRestore(deps, job);
    await columnsOf(deps, job, backup, signal);
    await inLanes(parts, LANES, signal, (part, broken) => recheckPart(deps.storage, part, broken));
  };

/**
 * Puts back whom a backup's job deleted by it: part by part, each in one transaction. Who is there is
 * left as they are. A second run goes on with the parts that are not done.
 */
export const createRestoreBackedUpUsers =
  (deps: ActivityDeps): Step<'restoreBackedUpUsers'> =>
  async ({ jobId }, signal) => {
    const { db } = deps.database;
    const job = await getRunningJob(db, jobId);
    const { backup, parts } = await planRestore(deps, job);
    const columns = await columnsOf(deps, job, backup, signal);
    const queue = parts.values();
    const runLane = async (broken: AbortSignal): Promise<void> => {
      const client = await deps.lanes.connect();
      let isWhole = false;
      try {
        for (const part of queue) {
          broken.throwIfAborted();
          const { workspaceId, isChosen } = job;
          const chunk = { jobId, workspaceId, isChosen, part, columns };
          const tools = { client, storage: deps.storage, signal: broken };
          await restorePart(tools, chunk, () => deps.crashPoint('restore:chunk-open'));
          deps.crashPoint('restore:chunk-committed');
        }
        isWhole = true;
      } finally {
        client.release(!isWhole);
      }
    };
    const count = Math.min(LANES, parts.length);
    await runLanes(signal, (broken) => Array.from({ length: count }, () => runLane(broken)));
    await settleRestore(db, { ...job, backupId: backup.id }, false);
    const { restored } = await countRestore(db, jobId);
    return { restored };
  };
