import type { SYSTEM_FIELDS } from '../../selection/fields.ts';

export type SystemName = (typeof SYSTEM_FIELDS)[number]['name'];

/** The system properties in words. */
const SYSTEM_NAMES: Readonly<Record<SystemName, string>> = {
  userId: 'Id',
  firstName: 'First name',
  lastName: 'Last name',
  gender: 'Gender',
  country: 'Country',
  city: 'City',
  language: 'Language',
  timezone: 'Time zone',
  email: 'Email',
  phone: 'Phone',
  lastChannel: 'Last channel',
  dob: 'Date of birth',
  emailOptin: 'Email opt-in',
  smsOptin: 'SMS opt-in',
  whatsAppOptin: 'WhatsApp opt-in',
  tags: 'Tags',
  legalHold: 'Legal hold',
  createdAt: 'Created',
  updatedAt: 'Changed',
};

/**
 * A property in words: a custom one has the name that it was defined with.
 *
 * @param field the name in filters and files, such as `properties.plan`
 */
export const nameOfProperty = (field: string): string =>
  Object.hasOwn(SYSTEM_NAMES, field)
    ? SYSTEM_NAMES[field as SystemName]
    : field.replace(/^properties\./, '');
