import type { ClientBase } from 'pg';

/**
 * Makes the values of COPY statements readable on this connection until its transaction ends. They
 * are sent as a parameter, so neither `pg_stat_activity` nor a statement log shows them.
 */
export const setCopyValues = async (
  client: ClientBase,
  values: readonly string[],
): Promise<void> => {
  if (values.length === 0) return;
  await client.query(
    `SELECT count(set_config('keepsake.p' || n, value, true))
       FROM unnest($1::text[]) WITH ORDINALITY AS given (value, n)`,
    [values],
  );
};
