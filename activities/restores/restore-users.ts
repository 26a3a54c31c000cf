import { assertDurable } from '../../db/connections/durability.ts';
import { type ExportRow, getExport } from '../../db/exports/exports.ts';
import type { RestoreTarget } from '../../db/restores/restore-statements.ts';
import { countRestore, listPartsToRestore, settleRestore } from '../../db/restores/restores.ts';
import { letUsersCount } from '../../db/users/sequences.ts';
import { listUserColumns } from '../../db/users/user-columns.ts';
import { listUserReferences } from '../../db/users/user-references.ts';
import { arePlain, readFingerprint } from '../../db/users/users-table.ts';
import type { Activities } from '../../workflows/contracts/activities.ts';
import {
  emailColumnOf,
  findBackupColumns,
  matchColumns,
  userIdColumnOf,
} from './backup-columns.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';
import { inLanes, LANES, runLanes } from '../lanes.ts';
import { lookUpAddresses } from './look-up-addresses.ts';
import { restorePart } from './restore-part.ts';
import { getRunningJob, type RunningJob } from '../jobs/running-job.ts';
import { recheckPart } from '../exports/verify-part.ts';

type Step<Name extends keyof Activities> = (
  input: Parameters<Activities[Name]>[0],
  signal: AbortSignal,
) => ReturnType<Activities[Name]>;

/**
 * Matches the columns of a backup to the columns of today's table.
 *
 * @throws backupDamaged; columnGone when the table has lost a column
 */
export const findTarget = async (
  deps: Pick<ActivityDeps, 'database' | 'storage'>,
  backup: ExportRow,
  signal: AbortSignal,
  isRehearsal = false,
): Promise<RestoreTarget> => {
  const { id, workspace_id: workspaceId } = backup;
  const { db, pool } = deps.database;
  const kept = await findBackupColumns(deps, backup, signal);
  // Read first: a change of the table after this is detected before a part is committed.
  const fingerprint = await readFingerprint(pool, workspaceId);
  const [columns, references] = await Promise.all([
    listUserColumns(db, workspaceId),
    listUserReferences(db, workspaceId),
  ]);
  return {
    workspaceId,
    fingerprint,
    columns: matchColumns(id, kept, columns, isRehearsal),
    userIdColumn: userIdColumnOf(id, kept),
    emailColumn: emailColumnOf(kept),
    references,
  };
};

/**
 * Hashes every part that a restore reads, so that damage is found before a row is written. If the
 * restore names users by email address, looks up these users first, which reads every part.
 *
 * @throws backupDamaged, columnGone, jobNotRunning
 */
export const createVerifyBackup =
  (deps: ActivityDeps): Step<'verifyBackup'> =>
  async ({ jobId }, signal) => {
    const job = await getRunningJob(deps.database.db, jobId);
    const { backup, parts } = await planRestore(deps, job);
    const target = await findTarget(deps, backup, signal);
    if (job.hasAddresses) {
      await lookUpAddresses(deps, jobId, { backup, target }, signal);
      return;
    }
    await inLanes(parts, LANES, signal, (part, laneSignal) =>
      recheckPart(deps.storage, part, laneSignal),
    );
  };

/**
 * Restores the users that a backup's job deleted by it, part by part, each in one transaction.
 * Existing users stay unchanged. A second run continues with the parts that are not done.
 */
export const createRestoreBackedUpUsers =
  (deps: ActivityDeps): Step<'restoreBackedUpUsers'> =>
  async ({ jobId }, signal) => {
    const { db } = deps.database;
    const job = await getRunningJob(db, jobId);
    await assertDurable(db);
    await letUsersCount(db);
    const { backup, parts } = await planRestore(deps, job);
    const target = await findTarget(deps, backup, signal);
    const queue = parts.values();
    const runLane = async (laneSignal: AbortSignal): Promise<void> => {
      const client = await deps.lanes.connect();
      let isWhole = false;
      try {
        for (const part of queue) {
          laneSignal.throwIfAborted();
          await restorePart(
            {
              client,
              storage: deps.storage,
              target,
              beforeCommit: () => deps.crashPoint('restore:chunk-open'),
              signal: laneSignal,
            },
            { jobId, isChosen: job.isChosen, part },
          );
          deps.crashPoint('restore:chunk-committed');
        }
        isWhole = true;
      } finally {
        client.release(!isWhole);
      }
    };
    const count = Math.min(LANES, parts.length);
    await runLanes(signal, (laneSignal) =>
      Array.from({ length: count }, () => runLane(laneSignal)),
    );
    await settleRestore(db, { ...job, backupId: backup.id }, false);
    const { restored } = await countRestore(db, jobId);
    return { restored };
  };

/** @throws usersNotPlain; exportUnknown for a restore without a backup */
const planRestore = async ({ database: { db, pool } }: ActivityDeps, job: RunningJob) => {
  if (job.backupId === null) throw failures.exportUnknown(job.id);
  if (!(await arePlain(pool, job.workspaceId))) throw failures.usersNotPlain(job.workspaceId);
  const backup = await getExport(db, job.backupId);
  return { backup, parts: await listPartsToRestore(db, job, backup) };
};
