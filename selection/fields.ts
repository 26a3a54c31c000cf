import type { PropertyType } from './property-types.ts';

/** A property every user has. This list is the one description of them, in the order of answers. */
export interface SystemField {
  /** As the API names it. */
  name: string;
  column: SystemColumn;
  /** How PostgreSQL holds it. */
  type: 'text' | 'date' | 'boolean' | 'list' | 'timestamp';
  /** Which values it takes, as if it were a custom property. */
  takes: PropertyType;
  /** Never unknown. */
  isRequired: boolean;
  /** Set by the service alone, or once and for all when the user is made. */
  isReadOnly: boolean;
}

export type TextColumn =
  | 'user_id'
  | 'first_name'
  | 'last_name'
  | 'gender'
  | 'country'
  | 'city'
  | 'language'
  | 'timezone'
  | 'email'
  | 'phone'
  | 'last_channel';
export type BooleanColumn = 'email_optin' | 'sms_optin' | 'whats_app_optin' | 'legal_hold';
export type SystemColumn =
  | TextColumn
  | BooleanColumn
  | 'dob'
  | 'tags'
  | 'created_at'
  | 'updated_at';

const optional = { isRequired: false, isReadOnly: false } as const;
const text = { type: 'text', takes: 'string', ...optional } as const;
const boolean = { type: 'boolean', takes: 'boolean', ...optional } as const;
const timestamp = {
  type: 'timestamp',
  takes: 'datetime',
  isRequired: true,
  isReadOnly: true,
} as const;

export const SYSTEM_FIELDS = [
  { ...text, name: 'userId', column: 'user_id', isRequired: true, isReadOnly: true },
  { ...text, name: 'firstName', column: 'first_name' },
  { ...text, name: 'lastName', column: 'last_name' },
  { ...text, name: 'gender', column: 'gender' },
  { ...text, name: 'country', column: 'country' },
  { ...text, name: 'city', column: 'city' },
  { ...text, name: 'language', column: 'language' },
  { ...text, name: 'timezone', column: 'timezone' },
  { ...text, name: 'email', column: 'email', takes: 'email' },
  { ...text, name: 'phone', column: 'phone', takes: 'phone' },
  { ...text, name: 'lastChannel', column: 'last_channel' },
  { ...optional, name: 'dob', column: 'dob', type: 'date', takes: 'date' },
  { ...boolean, name: 'emailOptin', column: 'email_optin' },
  { ...boolean, name: 'smsOptin', column: 'sms_optin' },
  { ...boolean, name: 'whatsAppOptin', column: 'whats_app_optin' },
  { ...optional, name: 'tags', column: 'tags', type: 'list', takes: 'list' },
  { ...boolean, name: 'legalHold', column: 'legal_hold', isRequired: true },
  { ...timestamp, name: 'createdAt', column: 'created_at' },
  { ...timestamp, name: 'updatedAt', column: 'updated_at' },
] as const satisfies readonly SystemField[];

const BY_NAME: ReadonlyMap<string, SystemField> = new Map(
  SYSTEM_FIELDS.map((field) => [field.name, field]),
);

export const findSystemField = (name: string): SystemField | undefined => BY_NAME.get(name);

/** Custom properties by name. */
export type PropertyTypes = ReadonlyMap<string, PropertyType>;

/** What a filter's `field` stands for. */
export type Field =
  | { kind: 'system'; field: SystemField }
  | { kind: 'custom'; name: string; takes: PropertyType };

const CUSTOM_PREFIX = 'properties.';

/** `firstName` is a system property, `properties.plan` a custom one. */
export const findField = (name: string, properties: PropertyTypes): Field | undefined => {
  if (!name.startsWith(CUSTOM_PREFIX)) {
    const field = findSystemField(name);
    return field && { kind: 'system', field };
  }
  const custom = name.slice(CUSTOM_PREFIX.length);
  const takes = properties.get(custom);
  return takes && { kind: 'custom', name: custom, takes };
};

export const takesOf = (field: Field): PropertyType =>
  field.kind === 'system' ? field.field.takes : field.takes;
