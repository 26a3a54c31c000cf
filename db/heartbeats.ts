import { sql } from 'kysely';
import type { Db } from './client.ts';

/** True when some worker gave a sign of life in the last so many seconds, by the database's clock. */
export const hasLivingWorker = async (db: Db, withinSeconds: number): Promise<boolean> => {
  const row = await db
    .selectFrom('worker_heartbeats')
    .select('worker_id')
    .where('beat_at', '>', sql<Date>`now() - make_interval(secs => ${withinSeconds})`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
};
