import { sql } from 'kysely';
import type { Db } from '../client.ts';

/** A column's type at the time of a backup and today; null if there is nothing to compare. */
export interface TypeChange {
  from: string | null;
  to: string | null;
}

/**
 * The indexes of the changes by which PostgreSQL may round or cut a value without an error: of
 * numbers, dates and times, and of lists of them, if today's type can be converted back.
 */
export const listRoundedTypes = async (
  db: Db,
  changes: readonly TypeChange[],
): Promise<ReadonlySet<number>> => {
  if (changes.every(({ from }) => from === null)) return new Set();
  const { rows } = await sql<{ index: number }>`
    WITH change AS (
      SELECT c.n, c.side, coalesce(e.oid, y.oid) AS type, coalesce(e.typcategory, y.typcategory) AS category,
             e.oid IS NOT NULL AS "isList"
        FROM (SELECT n, 'from' AS side, type FROM unnest(${changes.map(({ from }) => from)}::text[])
                WITH ORDINALITY AS f (type, n)
              UNION ALL SELECT n, 'to', type FROM unnest(${changes.map(({ to }) => to)}::text[])
                WITH ORDINALITY AS t (type, n)) AS c
        JOIN pg_type y ON y.oid = to_regtype(c.type)
        LEFT JOIN pg_type e ON e.oid = y.typelem AND y.typcategory = 'A')
    SELECT (f.n - 1)::int AS index FROM change f JOIN change t ON t.n = f.n AND t."isList" = f."isList"
     WHERE f.side = 'from' AND t.side = 'to' AND f.category IN ('N', 'D', 'T') AND t.category IN ('N', 'D', 'T')
       AND (f.type = t.type
         OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = t.type AND k.casttarget = f.type))`.execute(
    db,
  );
  return new Set(rows.map(({ index }) => index));
};
