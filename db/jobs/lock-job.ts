import { sql } from 'kysely';
import type { Trx } from '../client.ts';

/** Lets one transaction at a time keep the books of a job or export. Held until it ends. */
export const lockJob = async (trx: Trx, id: string): Promise<void> => {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${id}::text, 0))`.execute(trx);
};
