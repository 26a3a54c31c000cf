import { isReadOnly } from '../../../rules/changeable-properties.ts';
import {
  fieldNames,
  findField,
  type PropertyTypes,
  type ValueKind,
} from '../../../selection/fields.ts';
import type { PropertyType } from '../../../selection/property-types.ts';
import type { components } from '../../api/schema.d.ts';
import { nameOfProperty } from '../../format/property-names.ts';

export type User = components['schemas']['User'];

/** A property of a user on its page. */
export interface UserField {
  /** As in filters: `email`, `properties.plan`. */
  field: string;
  name: string;
  kind: ValueKind;
  takes: PropertyType;
}

export interface FieldGroup {
  title: string;
  fields: readonly UserField[];
}

const CUSTOM = 'properties.';

/** The system properties by subject. A test checks that each is in one group, or of the record. */
export const SYSTEM_GROUPS = {
  Person: ['firstName', 'lastName', 'gender', 'dob', 'tags'],
  Contact: ['email', 'phone', 'lastChannel', 'emailOptin', 'smsOptin', 'whatsAppOptin'],
  'Place and language': ['country', 'city', 'language', 'timezone'],
} as const;

/** The properties that the form does not have. */
export const RECORD = ['userId', 'legalHold', 'createdAt', 'updatedAt'] as const;

export const CUSTOM_GROUP = 'Of this workspace';

/** All properties of the users of a workspace, by subject. */
export const groupsOf = (properties: PropertyTypes): readonly FieldGroup[] => {
  const custom = fieldNames(properties).filter((name) => name.startsWith(CUSTOM));
  const fieldsOf = (names: readonly string[]): UserField[] =>
    names.flatMap((field) => {
      const found = findField(field, properties);
      if (found === undefined) return [];
      return [{ field, name: nameOfProperty(field), kind: found.kind, takes: found.takes }];
    });
  return [
    ...Object.entries(SYSTEM_GROUPS).map(([title, names]) => ({ title, fields: fieldsOf(names) })),
    { title: CUSTOM_GROUP, fields: fieldsOf(custom) },
    { title: 'Record', fields: fieldsOf(RECORD) },
  ].filter(({ fields }) => fields.length > 0);
};

/** Whether the form has the property. A hold is set by its own dialog. */
export const isEditable = ({ field }: UserField): boolean =>
  field !== 'legalHold' && !isReadOnly(field);
