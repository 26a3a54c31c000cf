import { sql } from 'kysely';
import type { Db } from '../client.ts';

/** What decides over deleting everyone. */
export interface DeleteAllSettings {
  /** A larger share of a workspace than this is nearly everyone. */
  percent: number;
  /** For so long a deletion without an approval counts together with those after it. */
  memoryMs: number;
  /** How long a window is open, from its approval on. */
  windowMs: number;
  /** How long a request waits for an answer. */
  lapseMs: number;
}

const intervalOf = (ms: number) => sql<string>`make_interval(secs => ${ms}::float8 / 1000)`;

/** Stores them for API and worker, which read them only. Needs the owner's connection. */
export const saveDeleteAllSettings = async (db: Db, settings: DeleteAllSettings): Promise<void> => {
  await db
    .updateTable('delete_all_settings')
    .set({
      percent: settings.percent,
      memory: intervalOf(settings.memoryMs),
      window_length: intervalOf(settings.windowMs),
      lapse: intervalOf(settings.lapseMs),
    })
    .execute();
};
