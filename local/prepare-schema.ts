import { deleteAllSettingsOf, type LocalEnv } from '../config.ts';
import { openDatabase } from '../db/client.ts';
import { saveDeleteAllSettings } from '../db/delete-all/delete-all-settings.ts';
import { migrateToLatest } from '../db/migrate.ts';

/**
 * Migrates the schema, and stores the settings that API and worker read from the database.
 *
 * @returns the names of the applied migrations
 */
export const prepareSchema = async (ownerUrl: string, env: LocalEnv): Promise<string[]> => {
  const applied = await migrateToLatest(ownerUrl);
  const owner = openDatabase(ownerUrl, { maxConnections: 1 });
  try {
    await saveDeleteAllSettings(owner.db, deleteAllSettingsOf(env));
  } finally {
    await owner.close();
  }
  return applied;
};
