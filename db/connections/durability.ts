import { sql } from 'kysely';
import type { Db } from '../client.ts';
import { refuseForgetful } from './refusal.ts';

/**
 * Checks that the server is durable. Also detects a setting that a reload has changed. Costs one
 * round trip.
 *
 * @throws DatabaseRefusal `databaseNotDurable` when a crash of the server could lose commits
 */
export const assertDurable = async (db: Db): Promise<void> => {
  const { rows } = await sql<{ name: string }>`
    SELECT name FROM unnest(ARRAY['fsync', 'synchronous_commit']) AS name
     WHERE current_setting(name) = 'off'`.execute(db);
  if (rows.length > 0) throw refuseForgetful(rows.map(({ name }) => name));
};
