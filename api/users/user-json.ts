import { z } from 'zod';
import { SYSTEM_FIELDS, type SystemField } from '../../selection/fields.ts';

const FIELD_SCHEMAS = {
  text: z.string().nullable(),
  date: z.string().nullable().describe('YYYY-MM-DD'),
  boolean: z.boolean().nullable(),
  list: z.array(z.string()),
  timestamp: z.string().describe('RFC 3339, UTC'),
} as const satisfies Record<SystemField['type'], z.ZodType>;

const NEVER_UNKNOWN: Partial<Record<string, z.ZodType>> = {
  userId: z.string(),
  legalHold: z.boolean().describe('A user under hold cannot be deleted'),
};

/** A user in a response: all system properties, null if unknown. */
export const userSchema = z
  .object(
    Object.fromEntries(
      SYSTEM_FIELDS.map(({ name, type }) => [name, NEVER_UNKNOWN[name] ?? FIELD_SCHEMAS[type]]),
    ),
  )
  .extend({ properties: z.record(z.string(), z.unknown()) })
  .meta({ id: 'User' });
