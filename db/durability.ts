import { sql } from 'kysely';
import type { Db } from './client.ts';

/** @throws Error when the server may forget what it has acknowledged: no promise can rest on it */
export const assertDurable = async (db: Db): Promise<void> => {
  const { rows } = await sql<{ name: string }>`
    SELECT name FROM pg_settings
     WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'`.execute(db);
  if (rows.length === 0) return;
  const names = rows.map((row) => row.name).join(' and ');
  throw new Error(
    `PostgreSQL runs with ${names} off, so a crash could lose backups. Turn it on, for this login and database too.`,
  );
};
