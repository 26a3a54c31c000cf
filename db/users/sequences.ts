import { sql } from 'kysely';
import type { Db } from '../client.ts';

/**
 * Lets API and worker insert users into columns that use sequences, such as a new column of type
 * serial.
 */
export const letUsersCount = async (db: Db): Promise<void> => {
  await sql`SELECT let_users_count()`.execute(db);
};
