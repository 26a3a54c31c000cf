import { expect } from 'vitest';
import type { Database } from '../../../db/client.ts';

/**
 * A check of the database function that deletes, and the text that replaces it when it is removed.
 */
export type Check = [check: string, instead: string];

/** Runs a trial without some checks of `delete_backed_up_users`, then restores the function. */
export const withoutChecks = async <T>(
  { pool }: Database,
  checks: Check[],
  trial: () => Promise<T>,
): Promise<T> => {
  const { rows } = await pool.query<{ text: string }>(
    `SELECT pg_get_functiondef('delete_backed_up_users'::regproc) AS text`,
  );
  const whole = rows[0]?.text ?? '';
  let open = whole;
  for (const [check, instead] of checks) {
    expect(open).toContain(check);
    open = open.replaceAll(check, () => instead);
  }
  await pool.query(open);
  try {
    return await trial();
  } finally {
    await pool.query(whole);
  }
};
