import type { Database } from '../../db/client.ts';

/**
 * Tables whose rows, as PostgreSQL writes them, hold one of these texts; a test's own witness of what
 * was deleted left out. Users too: who is gone is nowhere.
 */
export const tablesHolding = async (
  { pool }: Pick<Database, 'pool'>,
  texts: readonly string[],
): Promise<string[]> => {
  const { rows: tables } = await pool.query<{ name: string }>(
    `SELECT quote_ident(c.relname) AS name FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'witness'`,
  );
  const holding: string[] = [];
  for (const { name } of tables) {
    const { rows } = await pool.query<{ found: string | null }>(
      `SELECT min(text) AS found FROM unnest($1::text[]) AS text
        WHERE EXISTS (SELECT FROM ${name} AS t WHERE position(text IN t::text) > 0)`,
      [texts],
    );
    const found = rows[0]?.found;
    if (typeof found === 'string') holding.push(`${name}: ${found}`);
  }
  return holding.toSorted();
};
