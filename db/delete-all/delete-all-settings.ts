import { sql } from 'kysely';
import type { DeleteAllTimes } from '../../workflows/contracts/delete-all.ts';
import type { Db } from '../client.ts';

/** Settings of the rules for deleting all users of a workspace. */
export interface DeleteAllSettings extends DeleteAllTimes {
  /** A larger percentage of a workspace's users counts as nearly everyone. */
  percent: number;
  /** How long an unapproved deletion counts together with later deletions, in milliseconds. */
  memoryMs: number;
  /** How long a window is open after the approval, in milliseconds. */
  windowMs: number;
  /** How long a request waits for an answer, in milliseconds. */
  lapseMs: number;
}

/** The times of the reminders about a request, from its row `r`. */
export const reminderTimes = sql<DeleteAllTimes>`jsonb_build_object(
  'remindAfterMs', (extract(epoch FROM r.remind_after) * 1000)::bigint,
  'closingRemindersMs', ARRAY(
    SELECT (extract(epoch FROM reminder) * 1000)::bigint FROM unnest(r.closing_reminders) AS reminder))`;

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
      remind_after: intervalOf(settings.remindAfterMs),
      closing_reminders: sql<string>`ARRAY(SELECT make_interval(secs => ms / 1000)
        FROM unnest(${[...settings.closingRemindersMs]}::float8[]) AS ms)`,
    })
    .execute();
};

const intervalOf = (ms: number) => sql<string>`make_interval(secs => ${ms}::float8 / 1000)`;
