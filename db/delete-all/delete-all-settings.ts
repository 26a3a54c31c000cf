import { sql } from 'kysely';
import type { Db } from '../client.ts';

/** Settings of the rules for deleting all users of a workspace. */
export interface DeleteAllSettings {
  /** A larger percentage of a workspace's users counts as nearly everyone. */
  percent: number;
  /** How long an unapproved deletion counts together with later deletions, in milliseconds. */
  memoryMs: number;
  /** How long a window is open after the approval, in milliseconds. */
  windowMs: number;
  /** How long a request waits for an answer, in milliseconds. */
  lapseMs: number;
}

const intervalOf = (ms: number) => sql<string>`make_interval(secs => ${ms}::float8 / 1000)`;

/**
 * Stores the settings for API and worker, which can only read them. Needs the owner's connection.
 */
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
