import type { PropertyType } from '../db/schema.ts';

/** How a system property is stored; decides how it is compared and rendered. */
export type SystemType = 'text' | 'boolean' | 'date' | 'timestamp' | 'list';

export interface SystemField {
  /** As the API, filters and file headers call it. */
  name: string;
  column: string;
  type: SystemType;
}

const field = (name: string, type: SystemType): SystemField => ({
  name,
  column: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  type,
});

/** The system properties of a user, in the order files and answers list them. */
export const SYSTEM_FIELDS: readonly SystemField[] = [
  field('userId', 'text'),
  field('firstName', 'text'),
  field('lastName', 'text'),
  field('gender', 'text'),
  field('country', 'text'),
  field('city', 'text'),
  field('language', 'text'),
  field('timezone', 'text'),
  field('email', 'text'),
  field('phone', 'text'),
  field('lastChannel', 'text'),
  field('dob', 'date'),
  field('emailOptin', 'boolean'),
  field('smsOptin', 'boolean'),
  field('whatsAppOptin', 'boolean'),
  field('tags', 'list'),
  field('legalHold', 'boolean'),
  field('createdAt', 'timestamp'),
  field('updatedAt', 'timestamp'),
];

/** Types of a workspace's custom properties, by name. */
export type PropertyTypes = ReadonlyMap<string, PropertyType>;

/** What values of a field are, whatever it is stored as. */
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

/** A field of a filter: a system property by its name, or a custom one as `properties.<name>`. */
export type Field =
  | { source: 'system'; kind: ValueKind; column: string; type: SystemType }
  | { source: 'custom'; kind: ValueKind; key: string };

const PREFIX = 'properties.';

export const findField = (name: string, properties: PropertyTypes): Field | undefined => {
  if (name.startsWith(PREFIX)) {
    const key = name.slice(PREFIX.length);
    const type = properties.get(key);
    return type && { source: 'custom', kind: KIND_OF_PROPERTY[type], key };
  }
  const system = SYSTEM_FIELDS.find((candidate) => candidate.name === name);
  return (
    system && {
      source: 'system',
      kind: KIND_OF_SYSTEM[system.type],
      column: system.column,
      type: system.type,
    }
  );
};
