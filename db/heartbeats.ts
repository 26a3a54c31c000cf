import { sql } from 'kysely';
import { HEARTBEAT_DAYS } from '../rules/retention.ts';
import type { Db } from './client.ts';

/**
 * Workers send a heartbeat every few seconds. A worker without one for this long counts as stopped.
 */
export const WORKER_SILENCE_SECONDS = 15;

/**
 * Whether any worker of a task queue has sent a heartbeat within the last `withinSeconds`, by the
 * database's clock.
 */
export const hasLivingWorker = async (
  db: Db,
  taskQueue: string,
  withinSeconds: number,
): Promise<boolean> => {
  const row = await db
    .selectFrom('worker_heartbeats')
    .select('worker_id')
    .where('beat_at', '>', sql<Date>`now() - make_interval(secs => ${withinSeconds})`)
    // A worker of the previous version does not state its task queue.
    .where((eb) => eb.or([eb('task_queue', '=', taskQueue), eb('task_queue', 'is', null)]))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
};

/**
 * Records a heartbeat, and deletes the rows of workers that have been silent for a day.
 *
 * @returns the database's time, in milliseconds
 */
export const beat = async (
  db: Db,
  { workerId, taskQueue }: { workerId: string; taskQueue: string },
): Promise<number> => {
  const { beat_at: beatAt } = await db
    .insertInto('worker_heartbeats')
    .values({ worker_id: workerId, task_queue: taskQueue, beat_at: sql<Date>`now()` })
    .onConflict((conflict) => conflict.column('worker_id').doUpdateSet({ beat_at: sql`now()` }))
    .returning('beat_at')
    .executeTakeFirstOrThrow();
  await db
    .deleteFrom('worker_heartbeats')
    .where('beat_at', '<', sql<Date>`now() - make_interval(days => ${HEARTBEAT_DAYS})`)
    .execute();
  return beatAt.getTime();
};

export const forgetWorker = async (db: Db, workerId: string): Promise<void> => {
  await db.deleteFrom('worker_heartbeats').where('worker_id', '=', workerId).execute();
};
