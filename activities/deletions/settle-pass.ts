import { ApplicationFailure } from '@temporalio/common';
import { sql, type SqlBool } from 'kysely';
import {
  type ExportRow,
  findExportOfPass,
  listParts,
  type StoredPart,
} from '../../db/exports/exports.ts';
import { enterPhase, findAttemptSnapshot, findSelectionSnapshot } from '../../db/jobs/job-runs.ts';
import type { Db } from '../../db/client.ts';
import {
  countTargets,
  partLeft,
  settleRemaining,
  targetsLeft,
  type RemainingUsers,
  type SettleMode,
} from '../../db/jobs/settlement.ts';
import { readColumn } from '../../files/read-records.ts';
import { StorageError } from '../../storage/storage.ts';
import type { Activities } from '../../workflows/contracts/activities.ts';
import type { PassResult } from '../../workflows/contracts/jobs.ts';
import { findBackupColumns, userIdColumnOf } from '../restores/backup-columns.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';
import { conditionOfJob } from '../jobs/job-condition.ts';
import { getRunningJob, type RunningJob } from '../jobs/running-job.ts';
import { isDamage, recheckPart } from '../exports/verify-part.ts';

type Base = Omit<RemainingUsers, 'source' | 'isComplete'>;

/**
 * Gives each user that a pass has not deleted an outcome, or makes it a target of the next pass.
 * Users that no backup names get no outcome.
 */
export const settle = async (
  deps: ActivityDeps,
  job: RunningJob,
  pass: number,
  mode: SettleMode,
): Promise<void> => {
  const { db } = deps.database;
  const backup = await findExportOfPass(db, job.id, pass);
  const attempt = backup && (await findAttemptSnapshot(db, backup.id));
  const base: Base = {
    jobId: job.id,
    workspaceId: job.workspaceId,
    pass,
    mode,
    // Of an interrupted pass no user is matched again, so a column that is gone does not matter.
    matches: mode === 'interrupted' ? sql<SqlBool>`true` : await conditionOfJob(db, job),
    knownIn: await findSelectionSnapshot(db, job.confirmation),
    exportId: backup?.id,
    snapshot: attempt?.snapshot,
    endedXids: attempt?.ended_xids,
  };
  const isByTargets = pass > 1 || job.isChosen;
  if (!isByTargets) {
    if (backup?.state === 'verified') await settleParts(deps, backup, base);
    return;
  }
  const parts = backup === undefined ? [] : await listParts(db, backup);
  const isComplete = parts.every((part) => part.cursor === part.rows);
  const source = targetsLeft(job.id, pass, backup?.id);
  await settleUsers(db, { ...base, source, isComplete });
};

/** Leaves the phase `deleting` first, so that no batch of this pass can commit any more. */
export const createSettlePass =
  (deps: ActivityDeps): Activities['settlePass'] =>
  async ({ jobId, pass, isLast, deleted }): Promise<PassResult> => {
    const { db } = deps.database;
    const job = await getRunningJob(db, jobId);
    await enterPhase(db, jobId, 'settling', pass);
    await settle(deps, job, pass, isLast ? 'last' : 'again');
    return { deleted, changed: isLast ? 0 : await countTargets(db, jobId, pass + 1) };
  };

/** In the first pass of a segment or filter, only the backup's files name the users. */
const settleParts = async (deps: ActivityDeps, backup: ExportRow, base: Base): Promise<void> => {
  const { database, storage } = deps;
  const { db } = database;
  let column: Promise<number> | undefined;
  for (const part of await listParts(db, backup)) {
    if (part.deleted === part.rows) continue;
    column ??= findUserIdColumn(deps, backup);
    const userIds = await readLeftIds(storage, part, column, base.mode);
    const source = partLeft(userIds, backup.id, part.part);
    await settleUsers(db, { ...base, source, isComplete: part.cursor === part.rows });
  }
};

/** @throws usersNotPlain, unless the pass was interrupted: then the job must end */
const settleUsers = async (db: Db, users: RemainingUsers): Promise<void> => {
  const isPlain = await settleRemaining(db, users);
  if (!isPlain && users.mode !== 'interrupted') throw failures.usersNotPlain(users.workspaceId);
};

const findUserIdColumn = async (deps: ActivityDeps, backup: ExportRow): Promise<number> => {
  const { signal } = new AbortController();
  return userIdColumnOf(backup.id, await findBackupColumns(deps, backup, signal));
};

/**
 * The ids of the users of a part, as its file names them. An interrupted job must end even if the
 * file is lost. Then the users that cannot be named count as unprocessed.
 */
const readLeftIds = async (
  storage: ActivityDeps['storage'],
  part: StoredPart,
  column: Promise<number>,
  mode: SettleMode,
) => {
  const { signal } = new AbortController();
  try {
    const index = await column;
    // These users may be deleted in the next pass, so the file must still be as verified.
    await recheckPart(storage, part, signal);
    return await readColumn(storage, part, index);
  } catch (error) {
    if (mode === 'interrupted' && isLost(error)) return [];
    throw error;
  }
};

/** Whether the file itself is lost or damaged. An unavailable database does not count. */
const isLost = (error: unknown): boolean =>
  isDamage(error) ||
  error instanceof StorageError ||
  (error instanceof ApplicationFailure && error.type === 'exportUnknown');
