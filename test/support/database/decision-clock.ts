import type { Database } from '../../../db/client.ts';

/**
 * Sets the time of decisions in a test's own database: a fixed time in milliseconds, or null for
 * the present.
 */
export const setDecisionTime = async ({ pool }: Database, at: number | null): Promise<void> => {
  const time = at === null ? 'clock_timestamp()' : `'${new Date(at).toISOString()}'::timestamptz`;
  // The lock serializes concurrent calls, which would write the same row of the catalog.
  await pool.query(`SELECT pg_advisory_xact_lock(5);
    CREATE OR REPLACE FUNCTION decision_time() RETURNS timestamptz LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp RETURN ${time}`);
};
