import { type RawBuilder, sql } from 'kysely';
import { SYSTEM_FIELDS, type SystemField } from '../../selection/fields.ts';

/**
 * A moment as RFC 3339 with all its digits; `infinity` stays that. Connections have the time zone
 * UTC, whose offset PostgreSQL writes as `+00`. `to_char` would cost twice as much.
 */
export const momentText = (value: RawBuilder<unknown>): RawBuilder<string> =>
  sql<string>`replace(replace(${value}::text, ' ', 'T'), '+00', 'Z')`;

const rendered = ({ column, type }: SystemField): RawBuilder<unknown> => {
  const value = sql.ref(`users.${column}`);
  switch (type) {
    case 'timestamp':
      return momentText(value);
    case 'list':
      return sql`coalesce(${value}, '{}')`;
    case 'text':
    case 'boolean':
    case 'date':
      return value;
  }
};

/**
 * Users as JSON text with the system properties named, and below `properties` the custom ones, if
 * any are given. PostgreSQL writes it and nobody parses it on the way out: a JavaScript number or
 * Date would lose digits of what is stored. By its name for each, `row_to_json` is a fifth faster
 * than `json_build_object`.
 */
export const userJsonOf = (
  fields: readonly SystemField[],
  properties: RawBuilder<unknown> | undefined,
): RawBuilder<string> => {
  const members = fields.map((field) => sql`${rendered(field)} AS ${sql.id(field.name)}`);
  if (properties !== undefined) members.push(sql`${properties} AS properties`);
  return sql<string>`(SELECT row_to_json(shown)::text FROM (SELECT ${sql.join(members)}) AS shown)`;
};

/** A user as the API shows it. */
export const userJson = userJsonOf(SYSTEM_FIELDS, sql`users.properties`);
