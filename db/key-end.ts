import { type RawBuilder, sql, type SqlBool } from 'kysely';

/**
 * When the key with this alias was revoked or expired, by the database's clock. Null while the key
 * is valid.
 */
export const keyEndedAt = (alias: string): RawBuilder<Date | null> => {
  const expiresAt = sql.ref(`${alias}.expires_at`);
  return sql`least(${sql.ref(`${alias}.revoked_at`)},
    CASE WHEN ${expiresAt} <= now() THEN ${expiresAt} END)`;
};

/**
 * Whether the key with this alias is valid: neither revoked nor expired, by the database's clock.
 */
export const isKeyValid = (alias: string): RawBuilder<SqlBool> =>
  sql`(${keyEndedAt(alias)} IS NULL)`;
