import { sql } from 'kysely';
import type { Db } from '../client.ts';

/**
 * Lets users be inserted whose columns count by sequences, such as one of type serial that was
 * added since.
 */
export const letUsersCount = async (db: Db): Promise<void> => {
  await sql`SELECT let_users_count()`.execute(db);
};
