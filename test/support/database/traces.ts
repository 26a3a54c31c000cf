type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

/**
 * Tables with rows whose text holds one of these texts, `users` included. The test's own witness
 * table is left out.
 */
export const tablesHolding = async (query: Query, texts: readonly string[]): Promise<string[]> => {
  const tables = await query<{ name: string }>(
    `SELECT quote_ident(c.relname) AS name FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'witness'`,
  );
  const holding: string[] = [];
  for (const { name } of tables) {
    const rows = await query(
      `SELECT FROM ${name} AS t, unnest($1::text[]) AS text WHERE position(text IN t::text) > 0 LIMIT 1`,
      [texts],
    );
    if (rows.length > 0) holding.push(name);
  }
  return holding.toSorted();
};
