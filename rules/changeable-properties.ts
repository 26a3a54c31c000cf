import { findSystemField, SYSTEM_FIELDS, type SystemColumn } from '../selection/fields.ts';

/** Which system properties of a user can be changed, and by what. Custom properties always can. */

/** Whether neither a call nor a file changes the property of an existing user. */
export const isReadOnly = (name: string): boolean => findSystemField(name)?.isReadOnly === true;

/**
 * Whether a file cannot set the property: holds and times are set by calls and by the service. The
 * user id names the user.
 */
export const isUnsettableByFile = (name: string): boolean =>
  name === 'legalHold' || (name !== 'userId' && isReadOnly(name));

/** The columns that calls and files can change. A hold is not one: only a call can change it. */
export const CHANGEABLE_COLUMNS: readonly SystemColumn[] = SYSTEM_FIELDS.filter(
  ({ name }) => !isReadOnly(name) && !isUnsettableByFile(name),
).map(({ column }) => column);
