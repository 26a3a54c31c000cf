import { z } from 'zod';
import type { PropertyType } from '../../selection/property-types.ts';
import type { UserChange } from '../../db/users/user-writes.ts';
import { isReadOnly } from '../../rules/changeable-properties.ts';
import { unseenProblem } from '../../selection/characters.ts';
import { findSystemField, type PropertyTypes, SYSTEM_FIELDS } from '../../selection/fields.ts';
import { MAX_USER_ID_LENGTH, userIdSchema } from '../../selection/selection.ts';
import { parseValue } from '../../selection/values.ts';
import { pointerOf } from '../http/pointer.ts';
import { type InputError, MAX_ERRORS } from '../http/problems.ts';
import type { Refusal } from '../http/validation.ts';

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

type Read = { change: Omit<UserChange, 'userId'> } | Refusal;

/** The values and errors so far. */
interface Reading {
  columns: Record<string, unknown>;
  properties: Record<string, unknown>;
  errors: InputError[];
  /** Number of all errors, of which `errors` has the first. */
  count: number;
}

const UNKNOWN = 'is not a known property; put custom properties under properties';

/**
 * Reads a change of a user, with all values in their stored form, or returns its errors.
 */
export const readUser = (given: Readonly<Record<string, unknown>>, types: PropertyTypes): Read => {
  const reading: Reading = { columns: {}, properties: {}, errors: [], count: 0 };
  for (const [name, value] of Object.entries(given)) {
    if (name === 'properties') readCustom(reading, value, types);
    else readSystem(reading, name, value);
  }
  const { columns, properties, errors, count } = reading;
  return count > 0 ? { errors, count } : { change: { columns, properties } };
};

/** An object may have very many wrong names, so no text is made for most of them. */
const addError = (reading: Reading, detail: string, path: readonly string[]): void => {
  reading.count += 1;
  if (reading.count <= MAX_ERRORS) reading.errors.push({ detail, pointer: pointerOf(path) });
};

const readCustom = (reading: Reading, given: unknown, types: PropertyTypes): void => {
  if (!isRecord(given)) {
    addError(reading, 'must be an object of properties', ['properties']);
    return;
  }
  for (const [name, value] of Object.entries(given)) {
    const type = types.get(name);
    const path = ['properties', name];
    if (type === undefined) {
      addError(reading, 'is not a property of this workspace; define it first', path);
    } else {
      readValue(reading, reading.properties, { key: name, type, value, path });
    }
  }
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const readValue = (
  reading: Reading,
  into: Record<string, unknown>,
  { key, type, value, path }: { key: string; type: PropertyType; value: unknown; path: string[] },
): void => {
  if (value === null) {
    into[key] = null;
    return;
  }
  const parsed = parseValue(type, value);
  if ('detail' in parsed) addError(reading, parsed.detail, path);
  else into[key] = parsed.value;
};

const readSystem = (reading: Reading, name: string, value: unknown): void => {
  const field = findSystemField(name);
  const detail = whyNotTaken(name, value);
  if (field === undefined || detail !== undefined) {
    addError(reading, detail ?? UNKNOWN, [name]);
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
