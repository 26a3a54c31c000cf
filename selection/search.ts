import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { z } from 'zod';
import { phonePartOf } from './phones.ts';

const MAX_SEARCH_LENGTH = 255;

export const searchSchema = z
  .string()
  .min(1)
  .max(MAX_SEARCH_LENGTH)
  .describe('Prefix of the id, email address, phone, first or last name');

const LIKE_SPECIAL = /[\\%_]/g;

/**
 * Users whose id, email address, phone number, first or last name begins with `text`, over the
 * table alias `users`. Email addresses and names are compared case-insensitively. Each of the five
 * has its index on `users`.
 */
export const compileSearch = (text: string): RawBuilder<SqlBool> => {
  const ways = [
    startsWith(sql.ref('users.user_id'), text),
    lowerStartsWith(sql.ref('users.email'), text),
    lowerStartsWith(sql.ref('users.first_name'), text),
    lowerStartsWith(sql.ref('users.last_name'), text),
    startsWith(sql.ref('users.phone'), text),
  ];
  const digits = phonePartOf(text);
  if (digits !== undefined) ways.push(startsWith(sql.ref('users.phone'), digits));
  return sql<SqlBool>`(${sql.join(ways, sql` OR `)})`;
};

const startsWith = (value: RawBuilder<unknown>, prefix: string) =>
  sql<SqlBool>`${value} COLLATE "C" LIKE ${patternOf(prefix)}::text`;

const lowerStartsWith = (value: RawBuilder<unknown>, prefix: string) =>
  sql<SqlBool>`lower(${value}) COLLATE "C" LIKE lower(${patternOf(prefix)}::text)`;

const patternOf = (prefix: string): string => `${prefix.replace(LIKE_SPECIAL, '\\$&')}%`;
