import { z } from 'zod';
import type { PropertyType } from '../../selection/property-types.ts';
import type { UserChange } from '../../db/users/user-writes.ts';
import { isReadOnly } from '../../rules/changeable-properties.ts';
import { unseenProblem } from '../../selection/characters.ts';
import { findSystemField, type PropertyTypes, SYSTEM_FIELDS } from '../../selection/fields.ts';
import { MAX_USER_ID_LENGTH, userIdSchema } from '../../selection/selection.ts';
import { parseValue } from '../../selection/values.ts';
import { pointerOf } from '../http/pointer.ts';
import type { InputError } from '../http/problems.ts';

/** The description in the API document. `readUser` reports errors in values. */
const describedFields = Object.fromEntries(
  SYSTEM_FIELDS.filter(({ name }) => !isReadOnly(name)).map(({ name, takes }) => [
    name,
    z
      .unknown()
      .optional()
      .meta({ description: `${takes}; null clears the value` }),
  ]),
);

/** The form of a change of a user. */
export const userPatchSchema = z
  .looseObject({
    ...describedFields,
    properties: z.unknown().optional().meta({
      description:
        'Custom properties by name; only the given properties change, null clears a value',
    }),
  })
  .meta({
    id: 'UserPatch',
    examples: [{ firstName: 'Ada', city: null, properties: { plan: 'pro' } }],
  });

/** Existing users with other ids can still be found, changed and deleted. */
const seenUserIdSchema = userIdSchema
  .refine((id) => id === '' || unseenProblem(id) === undefined, {
    error: 'must have a visible character',
  })
  .meta({ maxLength: MAX_USER_ID_LENGTH });

/** The form of a user to merge. */
export const userInputSchema = userPatchSchema
  .extend({ userId: seenUserIdSchema })
  .meta({ id: 'NewUser' });

type Read = { change: Omit<UserChange, 'userId'> } | { errors: InputError[] };

/** The values and errors so far. */
interface Reading {
  columns: Record<string, unknown>;
  properties: Record<string, unknown>;
  errors: InputError[];
}

const UNKNOWN = 'is not a known property; put custom properties under properties';

/**
 * Reads a change of a user, with all values in their stored form, or returns all errors.
 */
export const readUser = (given: Readonly<Record<string, unknown>>, types: PropertyTypes): Read => {
  const reading: Reading = { columns: {}, properties: {}, errors: [] };
  for (const [name, value] of Object.entries(given)) {
    if (name === 'properties') readCustom(reading, value, types);
    else readSystem(reading, name, value);
  }
  const { columns, properties, errors } = reading;
  return errors.length > 0 ? { errors } : { change: { columns, properties } };
};

const readCustom = (reading: Reading, given: unknown, types: PropertyTypes): void => {
  if (!isRecord(given)) {
    reading.errors.push({ detail: 'must be an object of properties', pointer: '/properties' });
    return;
  }
  for (const [name, value] of Object.entries(given)) {
    const type = types.get(name);
    const path = ['properties', name];
    if (type === undefined) {
      const detail = 'is not a property of this workspace; define it first';
      reading.errors.push({ detail, pointer: pointerOf(path) });
    } else {
      readValue(reading, reading.properties, { key: name, type, value, path });
    }
  }
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const readValue = (
  { errors }: Reading,
  into: Record<string, unknown>,
  { key, type, value, path }: { key: string; type: PropertyType; value: unknown; path: string[] },
): void => {
  if (value === null) {
    into[key] = null;
    return;
  }
  const parsed = parseValue(type, value);
  if ('detail' in parsed) errors.push({ detail: parsed.detail, pointer: pointerOf(path) });
  else into[key] = parsed.value;
};

const readSystem = (reading: Reading, name: string, value: unknown): void => {
  const field = findSystemField(name);
  const detail = whyNotTaken(name, value);
  if (field === undefined || detail !== undefined) {
    reading.errors.push({ detail: detail ?? UNKNOWN, pointer: pointerOf([name]) });
  } else {
    readValue(reading, reading.columns, {
      key: field.column,
      type: field.takes,
      value,
      path: [name],
    });
  }
};

const whyNotTaken = (name: string, value: unknown): string | undefined => {
  if (isReadOnly(name)) return 'cannot be changed';
  return name === 'legalHold' && value === null ? 'must be true or false' : undefined;
};
