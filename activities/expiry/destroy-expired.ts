import { recordActivity } from '../../db/activity.ts';
import { assertClock, assertClockIsAhead } from '../../db/connections/clock.ts';
import {
  advanceExpiryWatch,
  eraseFruitlessJobs,
  eraseOldPreviews,
  expireExport,
  listDueExports,
  listExportsToDestroy,
  listLostAttempts,
} from '../../db/exports/removals.ts';
import { eraseEndedSessions } from '../../db/sessions.ts';
import { eraseOldCalls, eraseOldDeliveries } from '../../db/webhooks/webhook-deliveries.ts';
import {
  erasePreviewTargets,
  eraseUserList,
  listExpiredUserLists,
} from '../../db/users/user-lists.ts';
import { destroyExport } from '../../files/destroy-export.ts';
import { attemptPrefix } from '../../files/part-key.ts';
import type { DestroyedResult } from '../../workflows/contracts/activities.ts';
import type { ActivityDeps } from '../deps.ts';
import { importRemovals } from './destroy-imports.ts';
import { PAGE_SIZE, type RemovalTask, runRemovalTask } from './removal-task.ts';

/**
 * Removes what has expired: the rows first, then files and the traces of users. Also finishes
 * interrupted removals. Files of unfinished jobs are left for a later round.
 *
 * @throws DatabaseRefusal `clocksDiffer` when the clocks of this process and the database differ by
 *   minutes; `clockWentBack`. Then nothing is removed
 */
export const createDestroyExpired =
  (deps: ActivityDeps) =>
  async (_input: void, signal: AbortSignal): Promise<DestroyedResult> => {
    const { db } = deps.database;
    // With a clock that is far ahead, every backup would look expired.
    await assertClock(db);
    await assertClockIsAhead(db);
    const secondsBehind = await advanceExpiryWatch(db);
    const exports = exportRemovals(deps);
    const imports = importRemovals(deps);
    const problems: unknown[] = [];
    const run = <Item>(task: RemovalTask<Item>) => runRemovalTask(task, signal, problems);
    const erase = (some: (limit: number) => Promise<number>) => eraseAll(some, signal, problems);
    const removed = (await run(exports.expire)) + (await run(imports.expire));
    await assertClock(db);
    const result = {
      secondsBehind,
      removed,
      destroyed: (await run(exports.destroy)) + (await run(imports.destroy)),
      leftovers: (await run(exports.cleanUp)) + (await run(imports.cleanUp)),
      jobs: await erase((limit) => eraseFruitlessJobs(db, limit)),
      previews: await erase((limit) => eraseOldPreviews(db, limit)),
      deliveries: await erase((limit) => eraseOldDeliveries(db, limit)),
      lists: await run(listRemoval(deps)),
    };
    await erase(once(() => eraseOldCalls(db)));
    await erase(once(() => erasePreviewTargets(db)));
    await erase(once(() => eraseEndedSessions(db)));
    if (problems.length > 0) throw problems[0];
    return result;
  };

const exportRemovals = (deps: ActivityDeps) => {
  const { storage, database, crashPoint } = deps;
  const { db } = database;
  const expire: RemovalTask<{ id: string }> = {
    list: (limit, after) => listDueExports(db, limit, after?.id),
    deal: async ({ id }) => {
      const isRemoved = await expireExport(db, id);
      if (isRemoved) crashPoint('destroy:row-removed');
      return isRemoved;
    },
  };
  const destroy: RemovalTask<{ id: string }> = {
    list: (limit, after) => listExportsToDestroy(db, limit, after?.id),
    deal: async ({ id }) => {
      await destroyExport({ db, storage }, id);
      return true;
    },
  };
  const cleanUp: RemovalTask<Awaited<ReturnType<typeof listLostAttempts>>[number]> = {
    list: (limit, after) => listLostAttempts(db, limit, after),
    deal: async ({ id, job_id: jobId, workspace_id: workspaceId, attempt }) => {
      const prefix = attemptPrefix(id, attempt);
      const files = (await storage.list(prefix)).length;
      if (files === 0) return false;
      const line = { kind: 'leftoversRemoved', workspaceId, jobId, exportId: id } as const;
      await recordActivity(db, { ...line, counts: { files }, details: { attempt } });
      await storage.remove(prefix);
      return true;
    },
  };
  return { expire, destroy, cleanUp };
};

/**
 * Erases rows page by page until none is left. A failure is collected and does not stop the other
 * tasks.
 */
const eraseAll = async (
  erase: (limit: number) => Promise<number>,
  signal: AbortSignal,
  problems: unknown[],
): Promise<number> => {
  let all = 0;
  try {
    for (let erased = PAGE_SIZE; erased === PAGE_SIZE; all += erased) {
      signal.throwIfAborted();
      erased = await erase(PAGE_SIZE);
    }
  } catch (error) {
    signal.throwIfAborted();
    problems.push(error);
  }
  return all;
};

const listRemoval = ({ database: { db } }: ActivityDeps): RemovalTask<{ id: string }> => ({
  list: (limit, after) => listExpiredUserLists(db, limit, after?.id),
  deal: async ({ id }) => {
    await eraseUserList(db, id);
    return true;
  },
});

/** An erasure without pages. */
const once = (erase: () => Promise<unknown>) => async (): Promise<number> => {
  await erase();
  return 0;
};
