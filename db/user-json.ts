import { type RawBuilder, sql } from 'kysely';
import { SYSTEM_FIELDS, type SystemField } from '../selection/fields.ts';

/** A moment as RFC 3339 in UTC with all six digits; `infinity` stays that. */
export const momentText = (column: string): RawBuilder<string> => {
  const value = sql.ref(`users.${column}`);
  return sql<string>`CASE WHEN isfinite(${value})
    THEN to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ELSE ${value}::text END`;
};

const rendered = ({ column, type }: SystemField): RawBuilder<unknown> => {
  const value = sql.ref(`users.${column}`);
  switch (type) {
    case 'date':
      return sql`CASE WHEN isfinite(${value}) THEN to_char(${value}, 'YYYY-MM-DD')
        ELSE ${value}::text END`;
    case 'timestamp':
      return momentText(column);
    case 'list':
      return sql`coalesce(to_jsonb(${value}), '[]'::jsonb)`;
    case 'text':
    case 'boolean':
      return value;
  }
};

const members = SYSTEM_FIELDS.map((field) => sql`${sql.lit(field.name)}, ${rendered(field)}`);

/**
 * A user as the API shows it, as JSON text. PostgreSQL writes it and nobody parses it on the way out:
 * a JavaScript number or Date would lose digits of what is stored.
 */
export const userJson = sql<string>`json_build_object(${sql.join(members)},
  'properties', users.properties)::text`;
