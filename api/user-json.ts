import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { Schema } from '../db/schema.ts';
import { SYSTEM_FIELDS, type SystemField } from '../selection/fields.ts';

const FIELD_SCHEMAS = {
  text: z.string().nullable(),
  date: z.string().nullable().describe('YYYY-MM-DD'),
  boolean: z.boolean().nullable(),
  list: z.array(z.string()),
  timestamp: z.string().describe('RFC 3339, UTC'),
} as const satisfies Record<SystemField['type'], z.ZodType>;

const NEVER_UNKNOWN: Partial<Record<string, z.ZodType>> = {
  userId: z.string(),
  legalHold: z.boolean().describe('A user under hold is never deleted'),
};

/** A user as it is answered: every system property, null when unknown. */
export const userSchema = z
  .object(
    Object.fromEntries(
      SYSTEM_FIELDS.map(({ name, type }) => [name, NEVER_UNKNOWN[name] ?? FIELD_SCHEMAS[type]]),
    ),
  )
  .extend({ properties: z.record(z.string(), z.unknown()) })
  .meta({ id: 'User' });

export type UserJson = z.infer<typeof userSchema>;

type SampleRow = Omit<Selectable<Schema['users']>, 'written_in' | 'inserted_in' | 'workspace_id'>;

const twoDigits = (value: number): string => String(value).padStart(2, '0');

/** `pg` makes of a `date` the midnight of that day where the process runs, and of infinity a number. */
const dayText = (value: unknown): string | null => {
  if (value instanceof Date) {
    const year = String(value.getFullYear()).padStart(4, '0');
    return `${year}-${twoDigits(value.getMonth() + 1)}-${twoDigits(value.getDate())}`;
  }
  return typeof value === 'number' ? String(value) : null;
};

const toJson = ({ type }: SystemField, value: unknown): unknown => {
  switch (type) {
    case 'list':
      return value ?? [];
    case 'date':
      return dayText(value);
    case 'timestamp':
      return value instanceof Date ? value.toISOString() : String(value);
    case 'text':
      return value === '' ? null : value;
    case 'boolean':
      return value;
  }
};

/** A user of a sample; its moments have three digits of a second. */
export const toUserJson = (row: SampleRow): UserJson => {
  const values: Readonly<Record<string, unknown>> = row;
  return userSchema.parse({
    ...Object.fromEntries(
      SYSTEM_FIELDS.map((field) => [field.name, toJson(field, values[field.column])]),
    ),
    properties: row.properties,
  });
};
