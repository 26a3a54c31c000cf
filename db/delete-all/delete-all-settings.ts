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

/** The settings for new requests, as PostgreSQL applies them. Durations are in seconds. */
export interface DeleteAllRules {
  percent: number;
  /** In a workspace that never had so many users, no deletion needs an approval. */
  leastUsers: number;
  memorySeconds: number;
  windowSeconds: number;
  lapseSeconds: number;
  remindAfterSeconds: number;
  closingReminderSeconds: number[];
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

export const readDeleteAllRules = async (db: Db): Promise<DeleteAllRules> => {
  const { rows } = await sql<DeleteAllRules>`
    SELECT percent::float8 AS percent, least_users AS "leastUsers",
           ${secondsOf('memory')} AS "memorySeconds", ${secondsOf('window_length')} AS "windowSeconds",
           ${secondsOf('lapse')} AS "lapseSeconds", ${secondsOf('remind_after')} AS "remindAfterSeconds",
           ARRAY(SELECT ${secondsOf('reminder')} FROM unnest(closing_reminders) AS reminder)
             AS "closingReminderSeconds"
      FROM delete_all_settings`.execute(db);
  const [rules] = rows;
  if (rules === undefined) throw new Error('the table delete_all_settings has no row');
  return rules;
};

const secondsOf = (column: string) => sql<number>`extract(epoch FROM ${sql.ref(column)})::float8`;

const intervalOf = (ms: number) => sql<string>`make_interval(secs => ${ms}::float8 / 1000)`;
