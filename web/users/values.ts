import type { components } from '../api/schema.d.ts';

type User = components['schemas']['User'];

const CUSTOM = 'properties.';

/** The value of a property of a user. @param field as in filters: `email`, `properties.plan` */
export const valueOf = (user: User, field: string): unknown =>
  field.startsWith(CUSTOM)
    ? user.properties[field.slice(CUSTOM.length)]
    : user[field as keyof User];

export const isUnknown = (value: unknown): boolean =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && !value.length);
