/** What a property can be; it never changes. Order and names as in the `properties` table. */
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
