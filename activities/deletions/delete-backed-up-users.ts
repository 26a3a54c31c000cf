import { lendRenewed } from '../../db/connections/connection.ts';
import type { PoolClient } from 'pg';
import {
  type Batch,
  type BatchDone,
  type BatchResult,
  deleteBatch,
  isTooMuch,
  syncBatches,
} from '../../db/deletions/deletion-batches.ts';
import { assertClockIsAhead } from '../../db/connections/clock.ts';
import { assertDurable } from '../../db/connections/durability.ts';
import { letUsersCount } from '../../db/users/sequences.ts';
import { getExport, listParts, markDamaged, type StoredPart } from '../../db/exports/exports.ts';
import { admitDeletion } from '../../db/deletions/nearly-everyone.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';
import { inLanes, LANES, runLanes } from '../lanes.ts';
import { rehearseBatch, rehearseRestore } from '../restores/rehearse-restore.ts';
import { getRunningJob } from '../jobs/running-job.ts';
import { isDamage, recheckPart } from '../exports/verify-part.ts';

/** The most rows that one transaction deletes. */
const BATCH_ROWS = 20_000;
/**
 * If a batch is too much for the triggers of a table, the next ones are smaller by the factor
 * `LESS`. After that their size grows by the factor `MORE`.
 */
const LESS = 8;
const MORE = 1.25;
/**
 * A batch may skip this many users that others have locked. If it would skip more, they may be
 * locked by the other lane.
 */
const MAX_LOCKED = 3;

interface Run {
  deps: ActivityDeps;
  jobId: string;
  backup: Awaited<ReturnType<typeof getExport>>;
  signal: AbortSignal;
  queue: IterableIterator<StoredPart>;
  /** Rows of a batch. */
  limit: number;
  /** Batches in progress. */
  open: Set<Promise<unknown>>;
  /** Set when the lanes have blocked each other. Then batches run one after another. */
  isAlone: boolean;
  /** Set when the backup no longer fits the table. Then all lanes stop. */
  isVoid: boolean;
  /** Whether a restore from the backup was rehearsed. Until then no batch may delete a user. */
  isRehearsed: boolean;
  /** The rehearsal that all lanes wait for. */
  rehearsal?: Promise<void>;
}

/**
 * Deletes the users of a verified backup that have not changed since its snapshot.
 *
 * The deletion must be admitted first: this refuses to delete nearly everyone without an approval.
 * Before the first batch, all files are hashed once more and a restore of a few users is rehearsed.
 * No batch that deletes a user commits before the rehearsal. Each part is hashed again just before
 * its users are deleted. A second run continues at the cursors.
 *
 * @throws notRestorable, backupDamaged, deleteAllRequired, jobNotRunning
 */
export const createDeleteBackedUpUsers =
  (deps: ActivityDeps) =>
  async (
    { jobId, exportId }: { jobId: string; exportId: string },
    signal: AbortSignal,
  ): Promise<{ deleted: number }> => {
    const { db } = deps.database;
    await getRunningJob(db, jobId);
    await assertDurable(db);
    // Each batch checks this, too. Here it stops the step before it reads the backup again.
    await assertClockIsAhead(db);
    // The rehearsal inserts users, too.
    await letUsersCount(db);
    await admitDeletion(db, exportId);
    const backup = await getExport(db, exportId);
    const parts = await listParts(db, backup);
    const left = parts.filter((part) => part.cursor < part.rows);
    // Users were deleted only after a rehearsal.
    const isRehearsed = parts.some((part) => part.deleted > 0);
    const queue = left.values();
    const lanes = Math.min(LANES, parts.length);
    const run: Run = {
      deps,
      jobId,
      backup,
      signal,
      queue,
      limit: BATCH_ROWS,
      open: new Set(),
      isAlone: lanes === 1,
      isVoid: false,
      isRehearsed,
    };
    try {
      const isBegun = parts.some((part) => part.cursor > 0);
      await inLanes(isBegun ? left : parts, LANES, signal, (part, laneSignal) =>
        recheckPart(deps.storage, part, laneSignal),
      );
      run.isRehearsed ||= await rehearseRestore(deps, backup, left, signal);
      await runLanes(signal, (laneSignal) => {
        run.signal = laneSignal;
        return Array.from({ length: lanes }, () => runLane(run));
      });
    } catch (error) {
      if (isDamage(error)) await markDamaged(db, exportId);
      throw error;
    }
    await syncBatches(db);
    const done = await listParts(db, backup);
    // PostgreSQL may have crashed and lost the last batches before they were synced.
    const isShort = done.some((part) => part.cursor < part.rows);
    if (isShort && !run.isVoid) throw new Error(`batches of export ${exportId} were lost`);
    return { deleted: done.reduce((sum, part) => sum + part.deleted, 0) };
  };

const runLane = async (run: Run): Promise<void> => {
  const client = await lendRenewed(run.deps.lanes);
  let isWhole = false;
  try {
    for (const part of run.queue) {
      if (run.isVoid) break;
      await recheckPart(run.deps.storage, part, run.signal);
      await deletePart(run, client, part);
    }
    isWhole = true;
  } finally {
    client.release(!isWhole);
  }
};

const deletePart = async (run: Run, client: PoolClient, part: StoredPart): Promise<void> => {
  const { signal } = run;
  let { cursor } = part;
  while (cursor < part.rows && !run.isVoid) {
    signal.throwIfAborted();
    // The rehearsal holds locks on users. A batch beside it would take these users for locked by
    // others.
    await run.rehearsal;
    const limit = Math.min(run.limit, part.rows - cursor);
    const batch = { exportId: part.exportId, part: part.part, cursor, limit };
    const result = await runBatch(run, client, part, batch);
    switch (result.status) {
      case 'deleted':
        cursor += limit;
        if (limit >= run.limit) run.limit = Math.min(BATCH_ROWS, Math.ceil(limit * MORE));
        break;
      case 'tooMuch':
        takeLess(run, batch);
        break;
      case 'heldBack':
        break;
      case 'moved':
        cursor = await cursorOf(run, part);
        break;
      case 'void':
        run.isVoid = true;
        break;
      case 'stopped':
        throw failures.jobNotRunning(run.jobId, 'not deleting any more');
    }
  }
};

const runBatch = async (
  run: Run,
  client: PoolClient,
  part: StoredPart,
  batch: Batch,
): Promise<BatchResult> => {
  const { deps } = run;
  let isInTheWay = false;
  const mayCommit = ({ deleted, locked }: BatchDone): boolean => {
    isInTheWay = locked > MAX_LOCKED && !run.isAlone;
    return !isInTheWay && (deleted === 0 || run.isRehearsed);
  };
  const beforeCommit = () => deps.crashPoint('delete:batch-open');
  const result = await inTurn(run, () =>
    deps.meter.batch(deleteBatch(client, batch, { mayCommit, beforeCommit })),
  );
  deps.crashPoint('delete:batch-committed');
  if (isInTheWay) run.isAlone = true;
  else if (result.status === 'heldBack') await rehearse(run, client, part, batch);
  return result;
};

/**
 * Runs a batch, alone if the lanes have blocked each other. A trigger may take one lock for all
 * users; then each lane would take the other lane's users for locked by others.
 */
const inTurn = async (run: Run, begin: () => Promise<BatchResult>): Promise<BatchResult> => {
  while (run.isAlone && run.open.size > 0) await Promise.allSettled(run.open);
  const batch = begin();
  run.open.add(batch);
  return batch.finally(() => run.open.delete(batch));
};

/**
 * Rehearses with the batch that was held back. All lanes wait for one rehearsal: no lane may delete
 * while another may find that users cannot be restored.
 *
 * @throws notRestorable in each lane that waits for it
 */
const rehearse = (run: Run, client: PoolClient, part: StoredPart, batch: Batch): Promise<void> => {
  const { deps, backup, signal } = run;
  const attempt = async (): Promise<void> => {
    try {
      run.isRehearsed ||= await rehearseBatch(deps, client, { backup, part, batch }, signal);
    } catch (error) {
      if (batch.limit === 1 || !isTooMuch(error)) throw error;
      await client.query('ROLLBACK');
      takeLess(run, batch);
    }
    delete run.rehearsal;
  };
  run.rehearsal ??= attempt();
  return run.rehearsal;
};

const takeLess = (run: Run, batch: Batch): void => {
  run.limit = Math.min(run.limit, Math.ceil(batch.limit / LESS));
};

/** The position in a part up to which another attempt has deleted. */
const cursorOf = async ({ deps, backup }: Run, part: StoredPart): Promise<number> => {
  const parts = await listParts(deps.database.db, backup);
  return parts.find((candidate) => candidate.part === part.part)?.cursor ?? part.rows;
};
