/** What a property can be; it never changes. The same as the check of the `properties` table. */
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
