/**
 * The types of properties. A property's type never changes. Must equal the check of the table
 * `properties`.
 */
export const PROPERTY_TYPES = [
  'string',
  'number',
  'boolean',
  'date',
  'time',
  'datetime',
  'list',
  'email',
  'phone',
  'url',
] as const;

export type PropertyType = (typeof PROPERTY_TYPES)[number];
