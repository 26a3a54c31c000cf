import type { PropertyType } from './property-types.ts';

/** How a system property is stored, which decides how it is compared and rendered. */
export type SystemType = 'text' | 'boolean' | 'date' | 'timestamp' | 'list';

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

export interface SystemField {
  /** The name in the API, filters and file headers. */
  name: string;
  column: SystemColumn;
  type: SystemType;
  /** The type of its values, as for a custom property. */
  takes: PropertyType;
  /** Set by the service only, or fixed when the user is created. */
  isReadOnly: boolean;
}

const text = { type: 'text', takes: 'string', isReadOnly: false } as const;
const boolean = { type: 'boolean', takes: 'boolean', isReadOnly: false } as const;
const timestamp = { type: 'timestamp', takes: 'datetime', isReadOnly: true } as const;

/** The system properties of a user, in the order of files and answers. */
export const SYSTEM_FIELDS = [
  { ...text, name: 'userId', column: 'user_id', isReadOnly: true },
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
  { name: 'dob', column: 'dob', type: 'date', takes: 'date', isReadOnly: false },
  { ...boolean, name: 'emailOptin', column: 'email_optin' },
  { ...boolean, name: 'smsOptin', column: 'sms_optin' },
  { ...boolean, name: 'whatsAppOptin', column: 'whats_app_optin' },
  { name: 'tags', column: 'tags', type: 'list', takes: 'list', isReadOnly: false },
  { ...boolean, name: 'legalHold', column: 'legal_hold' },
  { ...timestamp, name: 'createdAt', column: 'created_at' },
  { ...timestamp, name: 'updatedAt', column: 'updated_at' },
] as const satisfies readonly SystemField[];

const BY_NAME: ReadonlyMap<string, SystemField> = new Map(
  SYSTEM_FIELDS.map((field) => [field.name, field]),
);

export const findSystemField = (name: string): SystemField | undefined => BY_NAME.get(name);

/** Types of a workspace's custom properties, by name. */
export type PropertyTypes = ReadonlyMap<string, PropertyType>;

/** The kind of a field's values, whatever its storage. */
export type ValueKind = 'text' | 'number' | 'boolean' | 'date' | 'time' | 'datetime' | 'list';

const KIND_OF_SYSTEM: Record<SystemType, ValueKind> = {
  text: 'text',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'datetime',
  list: 'list',
};

const KIND_OF_PROPERTY: Record<PropertyType, ValueKind> = {
  string: 'text',
  email: 'text',
  phone: 'text',
  url: 'text',
  number: 'number',
  boolean: 'boolean',
  date: 'date',
  time: 'time',
  datetime: 'datetime',
  list: 'list',
};

/**
 * A field of a filter: a system property by its name, or a custom property as `properties.<name>`.
 */
export type Field = { kind: ValueKind; takes: PropertyType } & (
  | { source: 'system'; column: string; type: SystemType }
  | { source: 'custom'; key: string }
);

const PREFIX = 'properties.';

/**
 * The names of all properties in filters and files: the system properties in their order, then the
 * custom ones by name.
 */
export const fieldNames = (properties: PropertyTypes): string[] => [
  ...SYSTEM_FIELDS.map(({ name }) => name),
  ...[...properties.keys()].toSorted().map((name) => PREFIX + name),
];

export const findField = (name: string, properties: PropertyTypes): Field | undefined => {
  if (name.startsWith(PREFIX)) {
    const key = name.slice(PREFIX.length);
    const type = properties.get(key);
    return type && { source: 'custom', kind: KIND_OF_PROPERTY[type], takes: type, key };
  }
  const system = findSystemField(name);
  return (
    system && {
      source: 'system',
      kind: KIND_OF_SYSTEM[system.type],
      takes: system.takes,
      column: system.column,
      type: system.type,
    }
  );
};
